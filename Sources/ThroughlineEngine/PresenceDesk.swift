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
    var watched: [SessionID] { boards.withLock { boards in boards.filter { $0.value.hasWatchers }.map(\.key) } }

    func isWatched(_ session: SessionID, _ now: Int64) -> Bool {
        boards.withLock { $0[session]?.isWatched(now) ?? false }
    }

    struct News {
        var lists: [(list: [UInt8], watchers: [any PresenceWatcher])] = []
        /// Where somebody who had only said to be here is not any longer.
        var left: [SessionID] = []
    }

    /// Lets go of who is gone, and finds out whom to tell what.
    func tick(_ now: Int64) -> News {
        boards.withLock { boards in
            var news = News()
            for session in Array(boards.keys) {
                boards[session]!.expire(now)
                if boards[session]!.forgetSaid(now) { news.left.append(session) }
                if let list = boards[session]!.news(now) {
                    news.lists.append((list, boards[session]!.allWatchers))
                }
                if boards[session]!.isEmpty { boards[session] = nil }
            }
            return news
        }
    }
}
