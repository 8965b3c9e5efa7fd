public import ThroughlineCore

/// A yes, as both transports send it.
public struct Answer: Sendable {
    public enum Status: Int, Sendable {
        case ok = 200
        case created = 201
        case accepted = 202
        case noContent = 204
    }

    public var status: Status
    /// A JSON object.
    public var body: [UInt8]
    /// The session's last event when this was decided.
    public var tail: SequenceNumber
    /// The number of the run's last write, where this answers one.
    public var written: UInt64?

    public init(_ status: Status = .ok, tail: SequenceNumber = .zero, written: UInt64? = nil, body: [UInt8]) {
        self.status = status
        self.body = body
        self.tail = tail
        self.written = written
    }
}

public typealias AnswerCompletion = @Sendable (Result<Answer, Refusal>) -> Void
