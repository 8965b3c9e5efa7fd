/// A clear no: a stable code, and a sentence that says what to do.
public struct Refusal: Error, Hashable, Sendable {
    public var code: Code
    public var detail: String
    /// Numbers that the code adds to the answer, for example `expected` of `write_gap`.
    public var numbers: [String: UInt64]
    /// JSON that the code adds to the answer, for example the `request` of `request_resolved`.
    public var members: [String: [UInt8]]

    public init(
        _ code: Code, _ detail: String, numbers: [String: UInt64] = [:], members: [String: [UInt8]] = [:]
    ) {
        self.code = code
        self.detail = detail
        self.numbers = numbers
        self.members = members
    }

    /// The stable codes, each with its HTTP status in ``status``. A code is never renamed.
    public enum Code: String, Sendable, CaseIterable {
        case jsonInvalid = "json_invalid"
        case utf8Invalid = "utf8_invalid"
        case surrogateLone = "surrogate_lone"
        case jsonTooDeep = "json_too_deep"
        case fieldMissing = "field_missing"
        case fieldInvalid = "field_invalid"
        case idInvalid = "id_invalid"
        case eventInvalid = "event_invalid"
        case eventUnsupported = "event_unsupported"
        case operationUnknown = "operation_unknown"
        case cursorInvalid = "cursor_invalid"
        case headerInvalid = "header_invalid"
        case verbUnsupported = "verb_unsupported"
        case answerInvalid = "answer_invalid"
        case keyMissing = "key_missing"
        case keyInvalid = "key_invalid"
        case originRefused = "origin_refused"
        case hostRefused = "host_refused"
        case roleRefused = "role_refused"
        case notAllowed = "not_allowed"
        case sessionNotFound = "session_not_found"
        case inputNotFound = "input_not_found"
        case runNotFound = "run_not_found"
        case messageNotFound = "message_not_found"
        case partNotFound = "part_not_found"
        case stepNotFound = "step_not_found"
        case requestNotFound = "request_not_found"
        case commandNotFound = "command_not_found"
        case routeNotFound = "route_not_found"
        case methodNotAllowed = "method_not_allowed"
        case formatUnavailable = "format_unavailable"
        case requestTimeout = "request_timeout"
        case sessionExists = "session_exists"
        case sessionClosed = "session_closed"
        case inputClaimed = "input_claimed"
        case inputNotQueued = "input_not_queued"
        case inputQueued = "input_queued"
        case branchInvalid = "branch_invalid"
        case runExists = "run_exists"
        case runFenced = "run_fenced"
        case runCancelled = "run_cancelled"
        case runEnded = "run_ended"
        case runActive = "run_active"
        case runPaused = "run_paused"
        case commandEnded = "command_ended"
        case writeGap = "write_gap"
        case offsetGap = "offset_gap"
        case offsetConflict = "offset_conflict"
        case idTaken = "id_taken"
        case messageEnded = "message_ended"
        case partEnded = "part_ended"
        case stepTaken = "step_taken"
        case stepEnded = "step_ended"
        case cursorAhead = "cursor_ahead"
        case budgetExceeded = "budget_exceeded"
        case batonHeld = "baton_held"
        case requestResolved = "request_resolved"
        case requestExpired = "request_expired"
        case requestWithdrawn = "request_withdrawn"
        case requestChanged = "request_changed"
        case sessionErased = "session_erased"
        case streamNotFound = "stream_not_found"
        case streamExists = "stream_exists"
        case streamClosed = "stream_closed"
        case streamDeleted = "stream_deleted"
        case streamReadOnly = "stream_read_only"
        case contentTypeMismatch = "content_type_mismatch"
        case sequenceRegressed = "sequence_regressed"
        case offsetGone = "offset_gone"
        case offsetInvalid = "offset_invalid"
        case producerFenced = "producer_fenced"
        case producerGap = "producer_gap"
        case producerInvalid = "producer_invalid"
        case tailChanged = "tail_changed"
        case tooLarge = "too_large"
        case mediaTypeUnsupported = "media_type_unsupported"
        case upgradeRequired = "upgrade_required"
        case tooMany = "too_many"
        case internalError = "internal_error"
        case upstreamFailed = "upstream_failed"
        case upstreamMissing = "upstream_missing"
        case upstreamTimeout = "upstream_timeout"
        case stopping
        case storageFull = "storage_full"
        case storageFailed = "storage_failed"

        public var status: Int {
            switch self {
            case .jsonInvalid, .utf8Invalid, .surrogateLone, .jsonTooDeep, .fieldMissing, .fieldInvalid, .idInvalid,
                .eventInvalid, .eventUnsupported, .operationUnknown, .cursorInvalid, .headerInvalid, .verbUnsupported,
                .answerInvalid, .offsetInvalid, .producerInvalid:
                400
            case .keyMissing, .keyInvalid: 401
            case .originRefused, .hostRefused, .roleRefused, .notAllowed, .producerFenced: 403
            case .sessionNotFound, .inputNotFound, .runNotFound, .messageNotFound, .partNotFound, .stepNotFound,
                .requestNotFound, .commandNotFound, .streamNotFound, .routeNotFound:
                404
            case .methodNotAllowed, .streamReadOnly: 405
            case .formatUnavailable: 406
            case .requestTimeout: 408
            case .sessionExists, .sessionClosed, .inputClaimed, .inputNotQueued, .inputQueued, .branchInvalid,
                .runExists, .runFenced, .runCancelled, .runEnded, .runActive, .runPaused, .commandEnded, .writeGap,
                .offsetGap, .offsetConflict, .idTaken, .messageEnded, .partEnded, .stepTaken, .stepEnded, .cursorAhead,
                .requestResolved, .requestExpired, .requestWithdrawn, .requestChanged, .batonHeld, .budgetExceeded,
                .streamExists, .streamClosed, .contentTypeMismatch, .sequenceRegressed, .producerGap:
                409
            case .sessionErased, .streamDeleted, .offsetGone: 410
            case .tailChanged: 412
            case .tooLarge: 413
            case .mediaTypeUnsupported: 415
            case .upgradeRequired: 426
            case .tooMany: 429
            case .internalError: 500
            case .upstreamFailed: 502
            case .upstreamMissing, .stopping: 503
            case .upstreamTimeout: 504
            case .storageFull, .storageFailed: 507
            }
        }

        /// The code in words: `run_fenced` is "run fenced".
        public var title: String { String(rawValue.map { $0 == "_" ? " " : $0 }) }
    }

    /// The problem details of RFC 9457, with the code.
    public func write(to writer: inout JSONWriter) {
        writer.object {
            $0.field("type", "urn:throughline:error:" + code.rawValue)
            $0.field("title", code.title)
            $0.field("status", code.status)
            $0.field("code", code.rawValue)
            $0.field("detail", detail)
            for (name, number) in numbers.sorted(by: { $0.key < $1.key }) {
                $0.key(name)
                $0.integer(number)
            }
            for (name, json) in members.sorted(by: { $0.key < $1.key }) {
                $0.key(name)
                $0.raw(json)
            }
        }
    }

    public var problem: [UInt8] {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.bytes
    }
}

extension Refusal {
    public init(_ error: JSONError) {
        switch error {
        case .invalid(let at): self.init(.jsonInvalid, "The body is not JSON: look at byte \(at).")
        case .invalidUTF8(let at): self.init(.utf8Invalid, "The text is not UTF-8: look at byte \(at).")
        case .loneSurrogate(let at):
            self.init(.surrogateLone, "Byte \(at) is half a character. Send the pair of surrogates in one string.")
        case .tooDeep(let at): self.init(.jsonTooDeep, "Byte \(at) is nested deeper than allowed.")
        case .tooLarge: self.init(.tooLarge, "The JSON text is too large.")
        }
    }

    public init(_ error: StoreError) {
        switch error {
        case .erased: self.init(.sessionErased, "The session was erased. Use another id.")
        case .tooLarge: self.init(.tooLarge, "The write is too large. Send it in pieces.")
        case .full: self.init(.storageFull, "The disk is full. Nothing was stored; try again when there is room.")
        case .closed: self.init(.stopping, "The server is stopping. Try again in a moment.")
        case .conflict, .corrupt, .failed:
            self.init(.storageFailed, "The store could not do it. See the server's log.")
        }
    }
}
