extension Event {
    /// The event as it is stored and as every reader gets it. The order of the members is fixed: ``AppendView`` and the
    /// merging of appends rely on it.
    public var encoded: [UInt8] {
        var writer = JSONWriter(capacity: 192)
        writer.object {
            $0.field("seq", sequence.rawValue)
            $0.field("at", at.rawValue)
            $0.key("type")
            $0.string(body.type.description)
            if let by {
                $0.key("by")
                by.write(to: &$0)
            }
            body.writeMembers(to: &$0)
        }
        return writer.bytes
    }
}

extension EventBody {
    fileprivate func writeMembers(to writer: inout JSONWriter) {
        switch self {
        case .sessionCreated(let info), .sessionUpdated(let info), .sessionClosed(let info):
            writer.key("session")
            writer.object { info.writeMembers(to: &$0) }
        case .branchSwitched(let input):
            writer.key("branch")
            writer.object { $0.field("input", input.value) }
        case .inputAdded, .inputUpdated, .inputWithdrawn:
            writeInput(to: &writer)
        case .runStarted(let start):
            writer.key("run")
            start.write(to: &writer)
        case .runUpdated(let update):
            writer.key("run")
            update.write(to: &writer)
        case .runWaiting(let wait):
            writer.key("run")
            wait.write(to: &writer)
        case .runResumed(let id, let command):
            writer.key("run")
            writer.object {
                $0.field("id", id.value)
                $0.field("command", command?.value)
            }
        case .runQueued(let wait):
            writer.key("run")
            wait.write(to: &writer)
        case .runAdopted(let id, let epoch, let milliseconds):
            writer.key("run")
            writer.object {
                $0.field("id", id.value)
                $0.field("epoch", epoch)
                $0.key("lease")
                $0.object { $0.field("milliseconds", milliseconds) }
            }
        case .runEnded(let end):
            writer.key("run")
            end.write(to: &writer)
        case .stepStarted, .stepEnded:
            writeStep(to: &writer)
        case .messageStarted, .messageEnded:
            writeMessage(to: &writer)
        case .partStarted, .partAppended, .partEnded:
            writePart(to: &writer)
        case .commandRequested(let id, let order, let input):
            writer.key("command")
            writer.object {
                $0.field("id", id.value)
                order.writeMembers(to: &$0)
                $0.field("input", input?.value)
            }
        case .commandAccepted(let news), .commandRejected(let news), .commandDeferred(let news),
            .commandApplied(let news), .commandExpired(let news):
            writer.key("command")
            news.write(to: &writer)
        case .request(let event):
            event.writeMembers(to: &writer)
        case .baton(let event):
            event.writeMembers(to: &writer)
        case .inputAnswered(let id, let message):
            writer.key("input")
            writer.object {
                $0.field("id", id.value)
                $0.field("message", message.value)
            }
        }
    }

    private func writeInput(to writer: inout JSONWriter) {
        writer.key("input")
        switch self {
        case .inputAdded(let addition): addition.write(to: &writer)
        case .inputUpdated(let change): change.write(to: &writer)
        case .inputWithdrawn(let id, let command, let reason):
            writer.object {
                $0.field("id", id.value)
                $0.field("reason", reason)
            }
            writer.field("command", command?.value)
        default:
            preconditionFailure("not about an input: \(type)")
        }
    }

    private func writeStep(to writer: inout JSONWriter) {
        writer.key("step")
        switch self {
        case .stepStarted(let id, let run, let attempt, let label):
            writer.object {
                $0.field("id", id.value)
                $0.field("run", run.value)
                $0.field("attempt", attempt)
                $0.field("label", label)
            }
        case .stepEnded(let id, let run, let status):
            writer.object {
                $0.field("id", id.value)
                $0.field("run", run.value)
                $0.field("status", status.rawValue)
            }
        default:
            preconditionFailure("not about a step: \(type)")
        }
    }

    private func writeMessage(to writer: inout JSONWriter) {
        writer.key("message")
        switch self {
        case .messageStarted(let id, let run, let role, let parent, let step, let audience):
            writer.object {
                $0.field("id", id.value)
                $0.field("run", run?.value)
                $0.field("role", role.rawValue)
                $0.field("parent", parent?.value)
                $0.field("step", step?.value)
                audience.writeMember(to: &$0)
            }
        case .messageEnded(let id, let status):
            writer.object {
                $0.field("id", id.value)
                $0.field("status", status.rawValue)
            }
        default:
            preconditionFailure("not about a message: \(type)")
        }
    }

    private func writePart(to writer: inout JSONWriter) {
        switch self {
        case .partStarted(let id, let message, let head):
            writer.key("part")
            writer.object {
                $0.field("id", id.value)
                $0.field("message", message.value)
                head.writeMembers(to: &$0)
            }
        case .partAppended(let id, let run, let offset, let text):
            writer.field("run", run?.value)
            writer.key("part")
            writer.object {
                $0.field("id", id.value)
                $0.field("offset", offset)
                $0.key("text")
                $0.string(text)
            }
        case .partEnded(let id, let status):
            writer.key("part")
            writer.object {
                $0.field("id", id.value)
                $0.field("status", status.rawValue)
            }
        default:
            preconditionFailure("not about a part: \(type)")
        }
    }

}

extension EventBody.InputAddition {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("id", id.value)
            $0.field("agent", agent?.value)
            place.writeMembers(to: &$0)
            $0.key("parts")
            $0.array(parts) { $1.write(to: &$0) }
            if followUp != .queue { $0.field("followUp", followUp.rawValue) }
            $0.field("before", before?.value)
            $0.field("command", command?.value)
        }
    }
}

extension EventBody.InputChange {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("id", id.value)
            if let parts {
                $0.key("parts")
                $0.array(parts) { $1.write(to: &$0) }
            }
            switch place {
            case .before(let other): $0.field("before", other.value)
            case .last:
                $0.key("before")
                $0.null()
            case nil: break
            }
        }
    }
}

extension EventBody.RunUpdate {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("id", id.value)
            $0.field("label", label)
            $0.field("progress", raw: progress)
            $0.field("usage", raw: usage)
        }
    }
}

extension EventBody.RunWait {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("id", id.value)
            $0.field("reason", reason)
            $0.field("command", command?.value)
            if let end {
                $0.key("end")
                end.write(to: &$0)
            }
        }
    }
}

extension EventBody.CommandNews {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("id", id.value)
            $0.field("reason", reason)
            $0.field("run", run?.value)
            $0.field("input", input?.value)
            $0.field("outcome", outcome)
            if let expires { $0.field("expires", expires.rawValue) }
        }
    }
}

extension CommandOrder {
    func writeMembers(to writer: inout JSONWriter) {
        writer.field("verb", verb.rawValue)
        writer.key("target")
        target.write(to: &writer)
        if !parts.isEmpty {
            writer.key("parts")
            writer.array(parts) { $1.write(to: &$0) }
        }
        if becomesInput { writer.field("otherwise", "input") }
    }
}

extension SessionInfo {
    func writeMembers(to writer: inout JSONWriter) {
        writer.field("id", id.value)
        writer.field("title", title)
        writer.field("metadata", raw: metadata)
        writer.key("policies")
        policies.write(to: &writer)
        writer.field("state", state.rawValue)
        if let forkedFrom {
            writer.key("forkedFrom")
            writer.object {
                $0.field("session", forkedFrom.session.value)
                $0.field("seq", forkedFrom.sequence.rawValue)
            }
        }
    }
}

extension PartHead {
    func writeMembers(to writer: inout JSONWriter) {
        writer.field("kind", kind.rawValue)
        writer.field("name", name)
        writer.field("call", call)
        writer.field("mediaType", mediaType)
        writer.field("url", url)
        writer.field("title", title)
        audience.writeMember(to: &writer)
    }
}

extension BranchPlace {
    func writeMembers(to writer: inout JSONWriter) {
        writer.field("replaces", replaces?.value)
        if isRegeneration {
            writer.key("regenerates")
            writer.boolean(true)
        }
        writer.field("after", after?.value)
    }
}

extension Audience {
    func writeMember(to writer: inout JSONWriter) {
        if self != .everyone { writer.field("audience", rawValue) }
    }

    init(stored value: JSONValue?) { self = value?.string.flatMap(Audience.init) ?? .everyone }
}

extension InputPart {
    func write(to writer: inout JSONWriter) {
        writer.object {
            head.writeMembers(to: &$0)
            $0.key("text")
            $0.string(text)
        }
    }
}

extension RunError {
    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("code", code)
            $0.field("message", message)
        }
    }
}

extension EventBody.RunStart {
    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("id", id.value)
            $0.field("agent", agent.value)
            $0.field("label", label)
            $0.field("parent", parent?.value)
            $0.key("inputs")
            $0.array(inputs) { $0.string($1.value) }
            $0.field("epoch", epoch)
            $0.key("lease")
            $0.object { $0.field("milliseconds", leaseMilliseconds) }
            writeCapabilities(waitsForChildren, accepts, to: &$0)
            $0.field("budget", raw: budget?.json)
            if attempt > 1 { $0.field("attempt", attempt) }
            if attempts > 1 { $0.field("attempts", attempts) }
        }
    }
}

extension EventBody.RunHandOn {
    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("id", id.value)
            $0.field("attempt", attempt)
            $0.field("notBefore", notBefore.rawValue)
        }
    }
}

/// What a run said of itself at its start.
func writeCapabilities(_ waitsForChildren: Bool, _ accepts: [Command.Verb]?, to writer: inout JSONWriter) {
    if waitsForChildren {
        writer.key("waitsForChildren")
        writer.boolean(true)
    }
    if let accepts {
        writer.key("accepts")
        writer.array(accepts) { $0.string($1.rawValue) }
    }
}

extension EventBody.RunEnd {
    func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("id", id.value)
            $0.field("reason", reason.rawValue)
            $0.field("usage", raw: usage)
            if let error {
                $0.key("error")
                error.write(to: &$0)
            }
            $0.field("command", command?.value)
        }
    }
}

extension Command.Target {
    func write(to writer: inout JSONWriter) {
        writer.object {
            switch self {
            case .run(let id): $0.field("run", id.value)
            case .input(let id): $0.field("input", id.value)
            case .agent(let name): $0.field("agent", name.value)
            case .mine:
                $0.key("mine")
                $0.boolean(true)
            case .all:
                $0.key("all")
                $0.boolean(true)
            }
        }
    }
}
