import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization
public import ThroughlineCore
import ThroughlineEngine

/// Begins a backup of the store.
public typealias BackupSource = @Sendable () throws(StoreError) -> BackupFeed

/// A backup of everything, while the server goes on. One at a time.
final class BackupController: Sendable {
    private let source: BackupSource?
    private let stopping: StopSignal
    private let isTaken = Atomic(false)
    private let queue = DispatchQueue(label: "throughline.backup")
    /// A caller that has taken nothing for so long is given up: what it holds would let the log grow for ever.
    private let patience = Duration.seconds(120)

    init(source: BackupSource?, stopping: StopSignal) {
        self.source = source
        self.stopping = stopping
    }

    func backup(request: Request, context: some RequestContext) async throws -> Response {
        try Access.require(.administer, of: try RequestIdentity.participant(of: request))
        guard let source else { throw Refusal(.routeNotFound, "This server's store cannot be backed up from here.") }
        guard !stopping.isStopping else { throw Refusal(.stopping, "The server is stopping. Try again in a moment.") }
        guard !isTaken.exchange(true, ordering: .acquiringAndReleasing) else {
            throw Refusal(.tooMany, "A backup is being taken. Wait for its end.")
        }
        let feed: BackupFeed
        do throws(StoreError) { feed = try source() } catch {
            isTaken.store(false, ordering: .releasing)
            throw Refusal(error)
        }
        let body = ResponseBody { [self] writer in
            defer { isTaken.store(false, ordering: .releasing) }
            try await write(feed, to: &writer)
            try await writer.finish(nil)
        }
        return Response(
            status: .ok, headers: [.contentType: "application/octet-stream", .cacheControl: "no-store"], body: body)
    }

    private func write(_ feed: BackupFeed, to writer: inout any ResponseBodyWriter) async throws {
        let lastTaken = Mutex(ContinuousClock.now)
        let watch = Task { [stopping, patience] in
            while !Task.isCancelled, !stopping.isStopping, ContinuousClock.now - lastTaken.withLock({ $0 }) < patience {
                try await Task.sleep(for: .seconds(1))
            }
            feed.close()
        }
        defer {
            watch.cancel()
            feed.close()
        }
        while let piece = try await next(feed) {
            try await writer.write(ByteBuffer(bytes: piece))
            lastTaken.withLock { $0 = .now }
        }
    }

    private func next(_ feed: BackupFeed) async throws -> [UInt8]? {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try feed.next() }) }
        }
    }
}
