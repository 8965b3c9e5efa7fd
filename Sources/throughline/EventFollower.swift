import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import ThroughlineCore
import ThroughlineServer

/// Reads a session's events live, over lost connections and restarts of the server, with no gap.
struct EventFollower {
    let client: ServerClient
    let session: String
    let after: SequenceNumber

    private enum End {
        /// The reader has enough, or the session was erased.
        case over
        case lost
    }

    /// Calls `body` with each event in order, until it returns false.
    func follow(_ body: (JSONValue) throws -> Bool) async throws {
        var position = after
        var failures = 0
        while true {
            let before = position
            do {
                if try await read(from: &position, body) == .over { return }
            } catch let failure as Failure where failure.status == Failure.unreachable {
                if failures == 0 { Terminal.complain("throughline: the connection is lost; trying again") }
            }
            failures = position > before ? 0 : failures + 1
            try await Task.sleep(for: Self.pause(afterFailures: failures))
        }
    }

    /// Half a second at first, ten at most, never quite the same.
    private static func pause(afterFailures count: Int) -> Duration {
        let longest = min(10, 0.5 * Double(1 << min(count, 5)))
        return .seconds(Double.random(in: longest / 2...longest))
    }

    private func read(from position: inout SequenceNumber, _ body: (JSONValue) throws -> Bool) async throws -> End {
        let path = try ServerClient.path(session, "/events?after=\(position)")
        let response = try await client.open(.GET, path, accept: "text/event-stream", lastEvent: position)
        guard response.status == .ok else {
            let answer = try await client.whole(response)
            if response.status.code == 503 || response.status.code == 429 { return .lost }
            throw ServerClient.refusal(answer, status: response.status.code)
        }
        var parser = SSEParser(maximumLine: 32 << 20, maximumEvent: 32 << 20)
        do {
            for try await buffer in response.body {
                for event in try parser.feed(buffer.readableBytesView) {
                    if try !take(event, &position, body) { return .over }
                }
            }
        } catch let failure as Failure {
            throw failure
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            return .lost
        }
        return .lost
    }

    /// Whether the reader wants more.
    private func take(
        _ event: SSEEvent, _ position: inout SequenceNumber, _ body: (JSONValue) throws -> Bool
    ) throws -> Bool {
        if event.event == "erased" { throw Failure("The session was erased. (session_erased)") }
        guard event.id != nil, let value = try? JSONDocument.parse(event.data), let sequence = value["seq"]?.integer
        else { return true }
        position = SequenceNumber(UInt64(sequence))
        return try body(value)
    }
}
