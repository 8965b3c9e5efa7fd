import HTTPTypes
import Hummingbird
import NIOCore
import ThroughlineCore
import ThroughlineEngine

/// A gateway's run in its caller's own format, from the frames that are stored, whether it is live or long over.
struct RunStream: Sendable {
    let engine: Engine
    let session: SessionID
    let run: RunID
    /// Who reads it.
    let participant: Participant
    var keepAlive = Duration.seconds(15)
    /// A caller who has gone is no reader any more, also while nothing comes that could be written to them.
    private let watch = CallerWatch()

    /// Answers when it is known what the upstream answered, or that it did not.
    ///
    /// - Parameters:
    ///   - cursor: The last frame that the caller has.
    ///   - streaming: Whether the caller asked for a stream: then a run that is cancelled early ends in one.
    ///   - isServed: Whether the gateway works on the run, so that a first frame is to come.
    func response(
        after cursor: FrameCursor?, streaming: Bool, isServed: () -> Bool
    ) async throws -> Response {
        var reader = FrameReader(try await engine.frames(of: run, in: session, after: nil, by: participant))
        switch try await first(of: reader, isServed: isServed) {
        case .ended(_, let run):
            return endedEarly(run, streaming: streaming)
        case .frame(_, let frame):
            guard let head = FrameHead(frame) else { throw Self.foreign }
            guard head.isStream else { return try await body(head, reader) }
            if cursor != nil {
                let frames = try await engine.frames(
                    of: self.run, in: session, after: cursor, by: participant)
                reader = FrameReader(frames)
            }
            return stream(reader)
        }
    }

    private func first(of reader: FrameReader, isServed: () -> Bool) async throws -> RunFrames.Item {
        while true {
            switch try await watch.whilePresent({ try await reader.next(within: .seconds(2)) }) {
            case .item(let item): return item
            case .quiet where isServed(): continue
            case .quiet: throw Self.foreign
            case .over: throw Self.stopping
            }
        }
    }

    private static var stopping: Refusal {
        Refusal(.stopping, "The server is stopping. Come back with the same request.")
    }

    private static var foreign: Refusal {
        Refusal(.formatUnavailable, "The run did not come in through the gateway. Read the session's events.")
    }

    private var headers: HTTPFields {
        [.throughlineSession: session.value, .throughlineRun: run.value]
    }

    // MARK: A stream

    private func stream(_ reader: FrameReader) -> Response {
        var headers = headers
        headers[.contentType] = "text/event-stream; charset=utf-8"
        headers[.cacheControl] = "no-cache, no-transform"
        headers[.xAccelBuffering] = "no"
        let body = ResponseBody { writer in
            try await writer.write(ByteBuffer(string: ": ok\n\n"))
            try await follow(reader, to: &writer)
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    private func follow(_ reader: FrameReader, to writer: inout any ResponseBodyWriter) async throws {
        while true {
            switch try await watch.whilePresent({ try await reader.next(within: keepAlive) }) {
            case .quiet:
                try await writer.write(ByteBuffer(string: ": hb\n\n"))
            case .over:
                return
            case .item(.frame(let cursor, let frame)):
                try await writer.write(ByteBuffer(bytes: Self.encode(frame, at: cursor)))
            case .item(.ended(_, let run)):
                guard let error = run.gatewayError else { return }
                try await writer.write(ByteBuffer(string: "data: ") + error.openAI + "\n\n".utf8)
                return
            }
        }
    }

    /// `id: <seq>.<n>`, then the frame, each of its lines as a line of data.
    static func encode(_ frame: [UInt8], at cursor: FrameCursor) -> [UInt8] {
        var bytes = Array("id: \(cursor)\n".utf8)
        bytes.reserveCapacity(bytes.count + frame.count + 16)
        for line in frame.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            bytes += Array("data: ".utf8)
            bytes += line
            bytes.append(UInt8(ascii: "\n"))
        }
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    // MARK: A body

    private func body(_ head: FrameHead, _ reader: FrameReader) async throws -> Response {
        var body = ByteBuffer()
        while let item = try await watch.whilePresent({ try await reader.nextItem() }) {
            switch item {
            case .frame(_, let piece): body.writeBytes(piece)
            case .ended(_, let run):
                if let error = run.gatewayError, head.status < 300 { return failed(error) }
                return whole(head, body)
            }
        }
        throw Self.stopping
    }

    private func whole(_ head: FrameHead, _ body: ByteBuffer) -> Response {
        var headers = headers
        headers[.contentType] = head.contentType
        headers[.retryAfter] = head.retryAfter
        return Response(status: .init(code: head.status), headers: headers, body: .init(byteBuffer: body))
    }

    // MARK: No answer

    /// A run that ended before the upstream had answered anything.
    private func endedEarly(_ run: Run, streaming: Bool) -> Response {
        let error = run.gatewayError ?? RunError(code: "format_unavailable", message: Self.foreign.detail)
        guard streaming, error.code == "run_cancelled" else { return failed(error) }
        var response = Response(
            status: .ok, headers: headers,
            body: .init(byteBuffer: ByteBuffer(string: "data: ") + error.openAI + "\n\n".utf8))
        response.headers[.contentType] = "text/event-stream; charset=utf-8"
        return response
    }

    /// OpenAI's clients try again by themselves after some statuses; an answer that was stopped must not be asked for again.
    private func failed(_ error: RunError) -> Response {
        var headers = headers
        headers[.contentType] = "application/json"
        if error.code == "run_cancelled" { headers[.xShouldRetry] = "false" }
        return Response(
            status: .init(code: error.gatewayStatus), headers: headers,
            body: .init(byteBuffer: ByteBuffer(bytes: error.openAI)))
    }
}

extension Run {
    /// Why its caller's answer is not whole; `nil` where it is.
    var gatewayError: RunError? {
        switch state {
        case .active, .waiting, .queued, .completed: nil
        case .cancelled: RunError(code: "run_cancelled", message: "The answer was stopped.")
        case .lost: RunError(code: "run_lost", message: "The answer was lost: the server stopped while it came in.")
        case .failed: error ?? RunError(code: "upstream_failed", message: "The answer failed.")
        }
    }
}

extension RunError {
    /// As OpenAI's clients know errors.
    var openAI: [UInt8] {
        JSONWriter.object {
            $0.key("error")
            $0.object {
                $0.field("message", message)
                $0.field("type", "server_error")
                $0.field("code", code)
            }
        }
    }

    var gatewayStatus: Int {
        switch code {
        case "run_cancelled": 499
        case "server_stopping": 503
        case "upstream_timeout": 504
        case "format_unavailable": 406
        default: 502
        }
    }
}

private func + (buffer: ByteBuffer, bytes: some Collection<UInt8>) -> ByteBuffer {
    var buffer = buffer
    buffer.writeBytes(bytes)
    return buffer
}

extension HTTPField.Name {
    static let throughlineSession = HTTPField.Name("Throughline-Session")!
    static let throughlineRun = HTTPField.Name("Throughline-Run")!
    static let throughlineInput = HTTPField.Name("Throughline-Input")!
    static let xShouldRetry = HTTPField.Name("X-Should-Retry")!
}
