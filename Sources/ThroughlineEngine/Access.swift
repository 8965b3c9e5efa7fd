public import ThroughlineCore

/// The one place that asks who may.
///
/// With `--dev` or a server key everybody has full rights, but for what a role excludes: an observer reads and no more, and
/// nobody from outside is the system. Finer permissions go in here.
public enum Access {
    public enum Verb: Sendable { case read, write, control, answer, operate, work, administer }

    public static func require(_ verb: Verb, of participant: Participant) throws(Refusal) {
        switch (participant.role, verb) {
        case (.observer, .read): return
        case (.operator, .operate): return
        case (_, .operate): throw Refusal(.notAllowed, "That is for operators: say role=operator.")
        case (.observer, _): throw Refusal(.notAllowed, "An observer may only read.")
        default: return
        }
    }

    /// The same for what is answered later: false if somebody may not, and then `completion` has been told why.
    static func permits<Value>(
        _ verbs: Verb..., to participant: Participant, orTell completion: (Result<Value, Refusal>) -> Void
    ) -> Bool {
        do throws(Refusal) {
            for verb in verbs { try require(verb, of: participant) }
            return true
        } catch {
            completion(.failure(error))
            return false
        }
    }
}

extension Operation {
    var verb: Access.Verb {
        switch self {
        case .create, .update, .addInput, .updateInput, .withdrawInput, .regenerate, .selectBranch: .write
        case .command: .control
        case .answer: .answer
        case .takeBaton, .returnBaton, .say: .operate
        case .startRun, .write, .heartbeat, .spend, .endRun, .adopt: .work
        }
    }
}
