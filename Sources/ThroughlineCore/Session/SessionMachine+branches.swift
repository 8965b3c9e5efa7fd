/// Branches: inputs beside each other, so that an edit or another answer takes nothing away.
extension SessionMachine {
    /// Has an input answered once more: the same again, beside it. False if `new` is there already.
    public mutating func regenerate(
        _ id: InputID, as new: InputID, agent: AgentName?, by: Participant, at: Timestamp
    ) throws(Refusal) -> Bool {
        guard let input = inputs[id] else { throw Refusal(.inputNotFound, "The session has no input \(id).") }
        return try addInput(
            new, parts: input.parts, agent: agent ?? input.agent, replaces: id, isRegeneration: true, by: by, at: at)
    }

    /// Has the conversation follow this input and not one of those beside it.
    public mutating func selectBranch(_ id: InputID, by: Participant, at: Timestamp) throws(Refusal) {
        guard let input = inputs[id] else { throw Refusal(.inputNotFound, "The session has no input \(id).") }
        guard input.state != .withdrawn else {
            throw Refusal(.branchInvalid, "The input \(id) was withdrawn. Choose one beside it.")
        }
        guard let branch = branchOf[id], branches[branch].selected != id else { return }
        emit(.branchSwitched(input: id), by: by, at: at)
    }

    /// Where a new input is put: beside the one that it replaces, or behind what the conversation follows now.
    func place(replacing replaced: InputID?, isRegeneration: Bool) throws(Refusal) -> BranchPlace {
        guard let replaced else {
            let leaf = selectedLeaf
            return BranchPlace(after: leaf == inputs.items.last?.id ? nil : leaf)
        }
        guard let input = inputs[replaced] else {
            throw Refusal(.inputNotFound, "The session has no input \(replaced) to be replaced.")
        }
        guard !input.isOpen else {
            throw Refusal(.inputQueued, "The input \(replaced) is still queued. Change it with PATCH instead.")
        }
        if let branch = branchOf[replaced], branches[branch].siblings.count >= limits.siblings {
            throw Refusal(.tooMany, "\(limits.siblings) inputs stand beside each other already.")
        }
        return BranchPlace(replaces: replaced, isRegeneration: isRegeneration)
    }

    /// The inputs with others beside them.
    public var allBranches: [Branch] { branches }

    /// The last input of what the conversation follows.
    public var selectedLeaf: InputID? {
        if branches.isEmpty { return inputs.items.last?.id }
        return inputs.items.last { isFollowed($0) }?.id
    }

    /// Whether neither the input nor any before it in its branch has another beside it that is followed instead.
    func isFollowed(_ input: Input) -> Bool {
        var next: Input? = input
        while let input = next {
            if let branch = branchOf[input.id], branches[branch].selected != input.id { return false }
            next = input.previous.flatMap { inputs[$0] }
        }
        return true
    }

    /// The inputs from the first to this one.
    public func lineage(of id: InputID) -> [Input] {
        var lineage: [Input] = []
        var next = inputs[id]
        while let input = next {
            lineage.append(input)
            next = input.previous.flatMap { inputs[$0] }
        }
        return lineage.reversed()
    }

    func writeBranches(to writer: inout JSONWriter) {
        guard !branches.isEmpty else { return }
        writer.key("branches")
        writer.array(branches) { writer, branch in
            writer.object {
                $0.key("siblings")
                $0.array(branch.siblings) { $0.string($1.value) }
                $0.field("selected", branch.selected.value)
            }
        }
    }
}

// MARK: What events do

extension SessionMachine {
    func previous(of place: BranchPlace) -> InputID? {
        if let replaced = place.replaces { return inputs[replaced]?.previous }
        return place.after ?? inputs.items.last?.id
    }

    /// A new sibling is followed at once: that is what its sender wants to see.
    mutating func addSibling(_ id: InputID, of replaced: InputID) {
        let branch = branchOf[replaced] ?? branches.count
        if branch == branches.count {
            branches.append(Branch(siblings: [replaced], selected: replaced))
            branchOf[replaced] = branch
        }
        branches[branch].siblings.append(id)
        branches[branch].selected = id
        branchOf[id] = branch
    }

    /// Where the input that is followed was withdrawn, the newest beside it that was not is followed.
    mutating func leaveBranch(_ id: InputID) {
        guard let branch = branchOf[id], branches[branch].selected == id,
            let other = branches[branch].siblings.last(where: { inputs[$0]?.state != .withdrawn })
        else { return }
        branches[branch].selected = other
    }
}
