import ThroughlineCore

@testable import ThroughlineEngine
@testable import ThroughlineServer

extension FuzzTarget {
    /// Texts of headers and queries: participants, cursors, escapes, keys, hosts.
    static let requestText = FuzzTarget("request-text") { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        try checkParticipant(text)
        try checkCursors(text)
        try checkQuery(text)
        if let key = BearerKey.read(text) {
            try require(key.first != " " && key.last != " " && key.utf8.count + 7 <= text.utf8.count, "another key")
        }
        try checkHost(text)
    }

    private static func checkParticipant(_ text: String) throws {
        guard let who = try refusable({ () throws(Refusal) in try RequestIdentity.parse(text, key: "k") }) else {
            return
        }
        try check(who)
        let written = "\(who.id); role=\(who.role.rawValue)" + (who.device.map { "; device=" + $0 } ?? "")
        try require(try RequestIdentity.parse(written, key: "k") == who, "a participant is read back as another")
    }

    private static func checkCursors(_ text: String) throws {
        if let cursor = FrameCursor(text) {
            try require(FrameCursor(cursor.description) == cursor, "a cursor is read back as another")
        }
        if let cursor = try refusable({ () throws(Refusal) in try ListCursor(text) }) {
            try require(try ListCursor(cursor.text) == cursor, "a list's cursor is read back as another")
        }
    }

    private static func checkQuery(_ text: String) throws {
        _ = QueryText.parameter("as", of: text)
        let escaped = text.utf8.map { byte in
            let digits = String(byte, radix: 16)
            return (digits.count < 2 ? "%0" : "%") + digits
        }
        let target = "/v1/connect?x=1&as=\(escaped.joined())&as=second"
        try require(QueryText.parameter("as", of: target) == (text.isEmpty ? "second" : text), "a parameter is another")
    }

    /// Whoever is let in with `--dev` is on this machine.
    private static func checkHost(_ text: String) throws {
        guard Authority.isLoopback(text) else { return }
        let host = text.lowercased()
        let isKnown =
            ["localhost", "[localhost", "[::1", "::1", "127.", "[127."].contains { host.hasPrefix($0) }
            || host.contains(".localhost")
        try require(isKnown, "another host is taken for this machine")
    }
}
