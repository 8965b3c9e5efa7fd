import HTTPTypes
import Hummingbird
import NIOCore
import ThroughlineCore
import ThroughlineEngine

/// A session's events on their way to one HTTP reader. The reader's own pace is the pace: nothing queues up for it.
struct EventStream: Sendable {
    enum Form: Sendable {
        case serverSentEvents, lines

        var headers: HTTPFields {
            switch self {
            case .serverSentEvents:
                [
                    .contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-cache, no-transform",
                    .xAccelBuffering: "no",
                ]
            case .lines:
                [
                    .contentType: "application/x-ndjson", .cacheControl: "no-cache, no-transform",
                    .xAccelBuffering: "no",
                ]
            }
        }
    }

    let reader: EventReader
    let attachment: Attachment
    let form: Form
    let isLive: Bool
    let keepAlive: TimeAmount
    let stopping: StopSignal

    func write(to writer: inout any ResponseBodyWriter, watching watch: CallerWatch) async throws {
        defer { reader.detach() }
        if form == .serverSentEvents { try await writer.write(ByteBuffer(string: "retry: 1000\n: ok\n\n")) }
        if let snapshot = attachment.snapshot { try await writer.write(encode(snapshot: snapshot)) }
        var position = attachment.position
        while !Task.isCancelled {
            if form == .serverSentEvents, let list = reader.takePresence() { try await writer.write(encode(list)) }
            if !isLive {
                let page = try await reader.page(after: position, records: 5_000)
                guard let last = page.last else { return }
                try await writer.write(encode(page))
                position = last.sequence
                continue
            }
            do {
                let after = position
                let next = try await stopping.whileRunning {
                    try await watch.whilePresent { try await reader.next(after: after, within: keepAlive) }
                }
                guard let next else { return try await sayGoodbye(&writer) }
                if let slice = next {
                    try await writer.write(encode(slice))
                    position = slice.last
                } else if form == .serverSentEvents, !reader.hasPresence {
                    try await writer.write(ByteBuffer(string: ": keep-alive\n\n"))
                }
            } catch let refusal as Refusal {
                return try await end(with: refusal, &writer)
            }
        }
    }

    /// The server stops: the reader is to come back soon, with its last id.
    private func sayGoodbye(_ writer: inout any ResponseBodyWriter) async throws {
        if form == .serverSentEvents {
            try await writer.write(ByteBuffer(string: "retry: 250\n: the server restarts\n\n"))
        }
    }

    private func end(with refusal: Refusal, _ writer: inout any ResponseBodyWriter) async throws {
        let name = refusal.code == .sessionErased ? "erased" : "error"
        var buffer = ByteBuffer()
        if form == .serverSentEvents {
            buffer.writeString("event: \(name)\ndata: ")
            buffer.writeBytes(refusal.problem)
            buffer.writeString("\n\n")
        } else {
            buffer.writeBytes(JSONWriter.object { $0.field("error", raw: refusal.problem) })
            buffer.writeString("\n")
        }
        try await writer.write(buffer)
    }

    private func encode(snapshot: [UInt8]) -> ByteBuffer {
        var buffer = ByteBuffer()
        if form == .serverSentEvents {
            buffer.writeString("event: snapshot\ndata: ")
            buffer.writeBytes(snapshot)
            buffer.writeString("\n\n")
        } else {
            buffer.writeBytes(JSONWriter.object { $0.field("snapshot", raw: snapshot) })
            buffer.writeString("\n")
        }
        return buffer
    }

    private func encode(_ presence: [UInt8]) -> ByteBuffer {
        var buffer = ByteBuffer(string: "event: presence\ndata: ")
        buffer.writeBytes(presence)
        buffer.writeString("\n\n")
        return buffer
    }

    private func encode(_ slice: EventSlice) -> ByteBuffer {
        slice.encoded(form == .serverSentEvents ? .serverSentEvents : .lines, encode)
    }

    private func encode(_ deliveries: [Delivery]) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: deliveries.reduce(0) { $0 + $1.bytes.count + 24 })
        for delivery in deliveries {
            if form == .serverSentEvents {
                buffer.writeString("id: \(delivery.sequence)\ndata: ")
                buffer.writeBytes(delivery.bytes)
                buffer.writeString("\n\n")
            } else {
                buffer.writeBytes(delivery.bytes)
                buffer.writeString("\n")
            }
        }
        return buffer
    }
}
