/// Which inputs stand beside each other, and which is followed.
extension SessionReducer {
    mutating func addSibling(_ event: Plain) throws(Violation) {
        guard let id = event["input"]?["id"]?.text, let replaced = event["input"]?["replaces"]?.text else { return }
        guard let state = inputs.byID[replaced]?["state"]?.text, state != "queued" else {
            throw Violation("event \(seq) replaces input \(replaced), which is queued or absent")
        }
        if let place = branches.firstIndex(where: { $0.siblings.contains(replaced) }) {
            branches[place].siblings.append(id)
            branches[place].selected = id
        } else {
            branches.append(([replaced, id], id))
        }
    }

    mutating func switchBranch(_ event: Plain) throws(Violation) {
        let id = event["branch"]?["input"]?.text ?? ""
        guard let place = branches.firstIndex(where: { $0.siblings.contains(id) }), branches[place].selected != id,
            inputs.byID[id]?["state"]?.text != "withdrawn"
        else { throw Violation("event \(seq) switches to \(id)") }
        branches[place].selected = id
    }

    mutating func leaveBranch(_ id: String) {
        guard let place = branches.firstIndex(where: { $0.selected == id }),
            let other = branches[place].siblings.last(where: { inputs.byID[$0]?["state"]?.text != "withdrawn" })
        else { return }
        branches[place].selected = other
    }
}
