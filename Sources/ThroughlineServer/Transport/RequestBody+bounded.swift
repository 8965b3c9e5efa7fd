import Hummingbird
import NIOCore
import ThroughlineCore

extension Request {
    /// The whole body, bounded in size and in time: a client that trickles is sent away.
    func boundedBody(upTo limit: Int, within time: TimeAmount) async throws -> [UInt8] {
        if let length = headers[.contentLength].flatMap({ Int($0) }), length > limit {
            throw Refusal(.tooLarge, "The body is larger than \(limit) bytes.")
        }
        let body = body
        return try await withThrowingTaskGroup(of: [UInt8].self) { group in
            group.addTask {
                var bytes: [UInt8] = []
                for try await buffer in body {
                    guard bytes.count + buffer.readableBytes <= limit else {
                        throw Refusal(.tooLarge, "The body is larger than \(limit) bytes.")
                    }
                    bytes.append(contentsOf: buffer.readableBytesView)
                }
                return bytes
            }
            group.addTask {
                try await Task.sleep(for: .nanoseconds(time.nanoseconds))
                throw Refusal(.requestTimeout, "The body did not come in time.")
            }
            defer { group.cancelAll() }
            guard let bytes = try await group.next() else { throw CancellationError() }
            return bytes
        }
    }
}
