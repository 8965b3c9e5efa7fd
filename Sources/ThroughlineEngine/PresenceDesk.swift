import Synchronization
import ThroughlineCore

/// Who is where, over all sessions.
final class PresenceDesk: Sendable {
    private let boards = Mutex<[SessionID: PresenceBoard]>([:])

    /// Does something with a session's board, which is made if need be, and let go of when nobody is left on it.
    func with<Value: Sendable>(_ session: SessionID, _ body: (inout PresenceBoard) -> Value) -> Value {
        boards.withLock { boards in
            let value = body(&boards[session, default: PresenceBoard()])
            if boards[session]?.isEmpty == true { boards[session] = nil }
            return value
        }
    }

    func forget(_ session: SessionID) { boards.withLock { $0[session] = nil } }

    func list(of session: SessionID) -> [UInt8]? { boards.withLock { $0[session]?.list } }

    /// The sessions somebody watches.
    var watched: [SessionID] { boards.withLock { boards in boards.filter { $0.value.isWatched }.map(\.key) } }

    /// Lets go of who is gone, and finds out whom to tell what.
    func tick(_ now: Int64) -> [(list: [UInt8], watchers: [any PresenceWatcher])] {
        boards.withLock { boards in
            var news: [(list: [UInt8], watchers: [any PresenceWatcher])] = []
            for session in Array(boards.keys) {
                boards[session]!.expire(now)
                if let list = boards[session]!.news(now) {
                    news.append((list, boards[session]!.allWatchers))
                }
                if boards[session]!.isEmpty { boards[session] = nil }
            }
            return news
        }
    }
}
