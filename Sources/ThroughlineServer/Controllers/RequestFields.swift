import HTTPTypes
import Hummingbird
import NIOCore
import ThroughlineCore

/// What controllers read from a request: ids of the path, numbers of the query, the body.
struct RequestFields: Sendable {
    let limits: TransportLimits
    let decoder: OperationDecoder

    func id<Tag>(_ name: String, _ context: some RequestContext) throws -> Identifier<Tag> {
        guard let text = context.parameters.get(name), let id = Identifier<Tag>(text) else {
            throw Refusal(.idInvalid, "The \(name) in the path has to be 1 to 128 of A-Z a-z 0-9 . _ : -")
        }
        return id
    }

    /// The last is what `curl -d` says where nobody says otherwise. Forms of other pages are kept out by their origin.
    private static let jsonTypes: Set<Substring> = [
        "application/json", "application/merge-patch+json", "application/x-www-form-urlencoded",
    ]

    /// The body as a JSON object; empty counts as `{}`.
    ///
    /// Not inlined: with it the release compiler of Swift 6.3.1 crashes while it splits the callers into coroutines.
    @inline(never)
    func object(_ request: Request) async throws -> JSONValue {
        let type = request.headers[.contentType]?.lowercased().prefix { $0 != ";" }
        guard type.map({ Self.jsonTypes.contains($0) }) ?? true else {
            throw Refusal(.mediaTypeUnsupported, "Send application/json.")
        }
        return try decoder.object(try await body(request))
    }

    func body(_ request: Request) async throws -> [UInt8] {
        try await request.boundedBody(upTo: limits.bodyBytes, within: limits.bodyTime)
    }

    func integer(_ name: Substring, _ request: Request, _ range: ClosedRange<Int>) throws -> Int? {
        guard let text = request.uri.queryParameters[name] else { return nil }
        guard let number = Int(digits: text), range.contains(number) else {
            throw Refusal(
                .fieldInvalid, "The query's \(name) is a number from \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }

    func sequence(_ text: some StringProtocol) throws -> SequenceNumber {
        guard let number = UInt64(digits: text), number <= Int64.max else {
            throw Refusal(.cursorInvalid, "A cursor is the seq of an event: a number.")
        }
        return SequenceNumber(number)
    }

    func lease(_ request: Request) throws -> String {
        guard let lease = request.headers[.runLease] else {
            throw Refusal(.fieldMissing, "The header Run-Lease with the lease's token is missing.")
        }
        return lease
    }

    func writeNumber(_ request: Request) throws -> UInt64? {
        guard let text = request.headers[.writeSeq] else { return nil }
        guard let number = UInt64(digits: text), number > 0, number < Int64.max else {
            throw Refusal(.headerInvalid, "Write-Seq is a number from 1.")
        }
        return number
    }

    func page(_ request: Request) throws -> SnapshotPage {
        var page = SnapshotPage(messages: try integer("messages", request, 0...100_000))
        if let before = request.uri.queryParameters["before"] {
            guard let id = MessageID(String(before)) else {
                throw Refusal(.idInvalid, "before is the id of a message.")
            }
            page.before = id
        }
        return page
    }
}
