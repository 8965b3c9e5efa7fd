import DequeModule
import Synchronization
public import ThroughlineCore

extension Engine {
    /// Erases a session for good. The completion comes when its bytes are gone; its readers are told.
    public func erase(
        _ id: SessionID, by participant: Participant,
        then completion: @escaping @Sendable (Result<Void, Refusal>) -> Void
    ) {
        do throws(Refusal) {
            try requireReady()
            try Access.require(.write, of: participant)
        } catch {
            return completion(.failure(error))
        }
        lookUp(id) { [self] result in
            switch result {
            case .failure(let refusal):
                if refusal.code == .storageFailed {
                    eraseUnread(id, then: completion)
                } else {
                    completion(.failure(refusal))
                }
            case .success(let live): if !erase(live, then: completion) { erase(id, by: participant, then: completion) }
            }
        }
    }

    /// What is damaged can be erased all the same: nobody has to read it for that.
    private func eraseUnread(_ id: SessionID, then completion: @escaping @Sendable (Result<Void, Refusal>) -> Void) {
        store.erase(StreamID(id)) { [self] result in
            postman.beginCommit()
            switch result {
            case .success:
                directory.remove(id)
                desk.forget(id)
                presence.forget(id)
            case .failure(.failed(let reason)): storeFailed(reason)
            case .failure: break
            }
            completion(result.mapError { Refusal($0) })
        }
    }

    private func erase(
        _ live: LiveSession, then completion: @escaping @Sendable (Result<Void, Refusal>) -> Void
    ) -> Bool {
        let (isOurs, isGone) = live.state.withLock { state in
            switch state.retirement {
            case .reload: return (false, false)
            case .erased:
                // Somebody else erases it already: both are told when it is done.
                if !state.isGone {
                    state.waiters.append((.max, .closure { completion($0.map { .failure($0) } ?? .success(())) }))
                }
                return (true, state.isGone)
            case nil: break
            }
            state.retirement = .erased
            state.leases = [:]
            store.erase(live.stream) { [self] result in
                postman.beginCommit()
                erased(live, result)
                completion(result.mapError { Refusal($0) })
            }
            return (true, false)
        }
        if isGone { completion(.failure(absent(live.id))) }
        return isOurs
    }

    private func erased(_ live: LiveSession, _ result: Result<Void, StoreError>) {
        let (groups, finished) = live.state.withLock { state in
            if case .success = result { state.isGone = true }
            state.retire(state.isGone ? .erased : .reload)
            defer { state.waiters = [] }
            return (state.readers.all, state.waiters.map(\.waiter))
        }
        if case .failure(let error) = result {
            directory.release(live)
            if case .failed(let reason) = error { storeFailed(reason) }
        } else {
            directory.remove(live.id)
            desk.forget(live.id)
            presence.forget(live.id)
        }
        var failure: Refusal?
        if case .failure(let error) = result { failure = Refusal(error) }
        for waiter in finished { finish(waiter, failure) }
        wake(groups)
    }
}
