import ThroughlineCore
import ThroughlineEngine

/// Reads a run's frames with a word now and then that there are none.
final class FrameReader: @unchecked Sendable {
    // Safe to send: `next` hands `frames` to one child task at a time and waits for its end before it returns.
    private let frames: RunFrames

    enum Step: Sendable {
        case item(RunFrames.Item)
        /// Nothing has come for a while.
        case quiet
        case over
    }

    init(_ frames: RunFrames) { self.frames = frames }

    func next(within pause: Duration) async throws -> Step {
        try await withThrowingTaskGroup(of: RunFrames.Item?.self) { [self] group in
            group.addTask { [self] in try await frames.next() }
            group.addTask {
                try? await Task.sleep(for: pause)
                return nil
            }
            // The second one is waited for as well: an item that comes while the pause ends is not lost.
            let first = try await group.next() ?? nil
            let wasPause = first == nil
            group.cancelAll()
            let second = try await group.next() ?? nil
            if let item = first ?? second { return .item(item) }
            return wasPause && !Task.isCancelled ? .quiet : .over
        }
    }

    /// The next item, however long it takes; `nil` after the last.
    func nextItem() async throws -> RunFrames.Item? { try await frames.next() }
}
