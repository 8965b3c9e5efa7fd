import ThroughlineCore

extension SessionModel {
    /// A run ends because its agent said so, by a command that somebody sent, or after the silence of a whole lease: never because
    /// somebody who only watched or asked has gone.
    func checkCause(of event: Plain) throws(Violation) {
        guard let run = event["run"]?["id"]?.text, let reason = event["run"]?["reason"]?.text else { return }
        let model = runs[Hold(run: run, epoch: state.epochOf(run: run))] ?? RunModel()
        switch reason {
        case "cancelled":
            let command = event["run"]?["command"]?.text ?? ""
            if command.hasPrefix("orphan-") { return try checkNobodyWatched(event, run) }
            guard askedCommands.contains(command) || command.hasPrefix("follow-up-") else {
                throw Violation("run \(run) is cancelled by command \(command), which nobody sent")
            }
        case "lost": try checkSilence(of: model, run)
        case "failed" where event["run"]?["error"]?["code"]?.text == "budget_exceeded":
            guard state.isOverBudget(run) else { throw Violation("run \(run) is within its budget, and ends") }
        default:
            guard model.endsAsked.contains(reason) else {
                throw Violation("run \(run) ends as \(reason), and its agent did not say so")
            }
        }
    }

    /// A run that nobody watches ends where the session says so, and not while somebody is there.
    private func checkNobodyWatched(_ event: Plain, _ run: String) throws(Violation) {
        guard state.session["policies"]?["orphan"] != nil else {
            throw Violation("run \(run) is cancelled since nobody watches, and the session does not say so")
        }
        for (viewer, since) in viewers where event["at"]?.number ?? 0 > since {
            throw Violation("run \(run) is cancelled since nobody watches, and \(viewer) does")
        }
    }

    /// A run is left to another agent after the silence of a whole lease.
    func checkLoss(of event: Plain) throws(Violation) {
        guard let run = event["run"]?["id"]?.text else { return }
        try checkSilence(of: runs[Hold(run: run, epoch: state.epochOf(run: run))] ?? RunModel(), run)
    }

    private func checkSilence(of model: RunModel, _ run: String) throws(Violation) {
        guard model.contact == .min || clock.monotonic >= model.contact + Agent.leaseMilliseconds else {
            throw Violation("run \(run) is lost \(clock.monotonic - model.contact) ms after its agent was heard")
        }
    }

    /// What operators and answerers were told is there.
    func checkControl() throws(Violation) {
        for message in said.sorted() where state.messages.byID[message] == nil { throw missing("message \(message)") }
        for input in answered.sorted() where state.inputs.byID[input]?["state"]?.text != "answered" {
            throw missing("the answer to input \(input)")
        }
        for (id, winner) in won.sorted(by: { $0.key < $1.key }) {
            let answer = state.requests.byID[id]?["answer"]
            guard answer?["id"]?.text == winner.reply, answer?["by"]?["id"]?.text == winner.by,
                let value = try? JSONDocument.parse(winner.value), answer?["value"] == Plain(value)
            else { throw missing("the answer \(winner.reply) of \(winner.by) to request \(id)") }
        }
    }
}
