import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import ThroughlineCore
import ThroughlineEngine

/// Brings one answer of the upstream into one run, as it comes.
struct UpstreamRelay: Sendable {
    let engine: Engine
    let handle: RunHandle
    let client: UpstreamClient
    let request: UpstreamRequest
    /// Whether the answer is kept in its own format beside the events, for its caller to read.
    let keepsFrames: Bool

    func run() async throws -> RunOutcome {
        let response: HTTPClientResponse
        do { response = try await client.send(request) } catch { return try failure(error, started: false) }
        let head = FrameHead(response)
        try await write([], frame: head.encoded)
        do {
            return head.isStream ? try await relayStream(response) : try await relayBody(response, head: head)
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            return try failure(error, started: true)
        }
    }

    private func failure(_ error: any Error, started: Bool) throws -> RunOutcome {
        try Task.checkCancellation()
        return .failed(UpstreamClient.failure(error, started: started))
    }

    private func write(_ events: [AgentEvent], frame: [UInt8]) async throws {
        if events.isEmpty && !keepsFrames { return }
        try await engine.write(events, frame: keepsFrames ? frame : nil, to: handle)
    }

    private var idPrefix: String {
        handle.run.value.utf8.count <= 100 ? handle.run.value : engine.randomID("g-")
    }

    // MARK: A stream

    private func relayStream(_ response: HTTPClientResponse) async throws -> RunOutcome {
        let limit = client.configuration.maximumFrame
        var parser = SSEParser(maximumLine: limit, maximumEvent: limit)
        var translator = ChatChunkTranslator(prefix: idPrefix)
        for try await buffer in response.body {
            for event in try parser.feed(buffer.readableBytesView) {
                try await write(translator.consume(event.data), frame: event.data)
                if translator.sawDone { return outcome(of: translator) }
            }
        }
        if let event = try parser.finish() { try await write(translator.consume(event.data), frame: event.data) }
        return outcome(of: translator)
    }

    private func outcome(of translator: ChatChunkTranslator) -> RunOutcome {
        if let error = translator.error { return .failed(error, usage: translator.usage) }
        return translator.isComplete
            ? .completed(usage: translator.usage) : .failed(.truncated, usage: translator.usage)
    }

    // MARK: A body

    private func relayBody(_ response: HTTPClientResponse, head: FrameHead) async throws -> RunOutcome {
        let body = try await collect(response)
        var translator = ChatChunkTranslator(prefix: idPrefix)
        let events = head.status < 300 ? translator.consume(body: body) : []
        var remaining = events ?? []
        for piece in body.pieces(of: Self.largestPiece) {
            try await write([], frame: Array(piece))
        }
        while !remaining.isEmpty {
            let batch = remaining.prefix(Self.largestBatch)
            remaining.removeFirst(batch.count)
            try await engine.write(Array(batch), frame: nil, to: handle)
        }
        guard head.status < 300 else { return .failed(Self.error(body, status: head.status)) }
        guard events != nil else {
            return .failed(RunError(code: "upstream_failed", message: "The upstream's answer is no chat completion."))
        }
        return outcome(of: translator)
    }

    private func collect(_ response: HTTPClientResponse) async throws -> [UInt8] {
        var body: [UInt8] = []
        for try await buffer in response.body {
            guard body.count + buffer.readableBytes <= client.configuration.maximumBody else {
                throw Refusal(.tooLarge, "The upstream's answer is over \(client.configuration.maximumBody) bytes.")
            }
            body.append(contentsOf: buffer.readableBytesView)
        }
        return body.repairedUTF8
    }

    private static func error(_ body: [UInt8], status: Int) -> RunError {
        let value = try? JSONDocument.parse(body)
        let said = value?["error"]?["message"]?.string ?? value?["error"]?.string ?? value?["message"]?.string
        let message = "The upstream answered \(status)" + (said.map { ": " + $0.prefix(1_000) } ?? ".")
        return RunError(code: "upstream_failed", message: message)
    }

    private static let largestPiece = 256 << 10
    private static let largestBatch = 64
}

extension FrameHead {
    init(_ response: HTTPClientResponse) {
        let type = response.headers.first(name: "content-type") ?? "application/octet-stream"
        self.init(
            status: Int(response.status.code),
            isStream: response.status == .ok && type.lowercased().hasPrefix("text/event-stream"),
            contentType: type, retryAfter: response.headers.first(name: "retry-after"))
    }
}
