extension SessionMachine {
    /// Gives an active run to another process of its agent, which has the lease's token: from now on only the new one counts.
    /// What is open stays open, and writes are numbered from 1. False if this very request did it before.
    ///
    /// - Parameter heldBy: Who is given the new token.
    public mutating func adopt(
        _ id: RunID, token: String, request: WorkID, newToken: String, leaseMilliseconds: Int64, by: Participant,
        heldBy: Participant? = nil, at: Timestamp
    ) throws(Refusal) -> Bool {
        if let run = runs[id], run.isHeldByAgent, let former = run.former, former.adoption == request,
            ConstantTime.equal(former.token, token)
        {
            return false
        }
        let run = try holder(of: id, token: token)
        try requireActive(run, at: at)
        emit(
            .runAdopted(id: id, epoch: run.epoch + 1, leaseMilliseconds: leaseMilliseconds), by: by, at: at,
            note: Note(run: id, token: newToken, heldBy: heldBy, adoption: request))
        return true
    }
}
