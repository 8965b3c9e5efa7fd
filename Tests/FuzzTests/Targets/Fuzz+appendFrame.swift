@testable import ThroughlineCore

extension FuzzTarget {
    /// The short way of a socket's `write`: what it accepts, the general decoder reads, and as the same.
    static let appendFrame = FuzzTarget("append-frame") { bytes in
        let message = Array(bytes)
        var frame = AppendFrame()
        guard message.withUnsafeBufferPointer({ frame.scan($0) }) else { return }
        let value = try JSONDocument.parse(message)
        let named = [("session", frame.session), ("run", frame.run), ("lease", frame.lease)]
        let members = Dictionary(value.members.map { ($0.name, $0.value) }) { $1 }
        for (name, range) in named {
            try require(members[name]?.textBytes == Array(message[range]), "another \(name)")
        }
        try require(value["op"]?.string == "write", "another operation")
        try require(value["seq"]?.integer == Int64(frame.number), "another number")
        let events = value["events"]?.elements ?? []
        try require(events.count == frame.appends.count, "\(events.count) events and \(frame.appends.count) appends")
        for (event, append) in zip(events, frame.appends) {
            let part = event["part"]
            try require(event["type"]?.string == "part.appended", "another event")
            try require(part?["id"]?.textBytes == Array(message[frame.part]), "another part")
            try require(part?["offset"]?.integer == Int64(append.offset), "another offset")
            let inside = Array(message[append.text])
            let isEscaped = inside.contains(UInt8(ascii: "\\"))
            try require(append.isEscaped == isEscaped, "said to be escaped, or not, wrongly")
            let quoted = [UInt8(ascii: "\"")] + inside + [UInt8(ascii: "\"")]
            try require(try JSONDocument.parse(quoted).textBytes == part?["text"]?.textBytes, "another text")
        }
    }
}
