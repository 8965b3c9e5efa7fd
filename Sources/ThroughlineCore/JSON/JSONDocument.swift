/// A JSON text that was checked as a whole: strict RFC 8259, valid UTF-8, no lone surrogate, bounded depth.
///
/// The text is kept as it came, with one flat list of nodes over it. Nothing is decoded until it is asked for, and what is
/// only passed on is passed on as bytes.
public final class JSONDocument: Sendable {
    struct Node: Sendable {
        enum Kind: UInt8, Sendable { case object, array, string, escapedString, number, yes, no, null }

        var kind: Kind
        /// Bytes of the value in the text; for a string without its quotes.
        var start: UInt32
        var end: UInt32
        /// The index behind this value and all in it.
        var next: UInt32
        /// Members or elements.
        var count: UInt32
    }

    let text: [UInt8]
    let nodes: [Node]

    /// The largest text that can be parsed: 64 MiB. Callers have smaller limits of their own.
    public static let maximumBytes = 64 << 20

    private init(text: [UInt8], nodes: [Node]) {
        self.text = text
        self.nodes = nodes
    }

    /// Checks a JSON text and returns its value.
    public static func parse(_ text: [UInt8], maximumDepth: Int = 64) throws(JSONError) -> JSONValue {
        guard text.count <= maximumBytes else { throw .tooLarge }
        var failure: JSONError?
        let nodes: [Node] = text.withUnsafeBufferPointer { bytes in
            var scanner = JSONScanner(bytes: bytes, maximumDepth: maximumDepth)
            do throws(JSONError) {
                try scanner.scanDocument()
            } catch {
                failure = error
            }
            return scanner.nodes
        }
        if let failure { throw failure }
        return JSONValue(document: JSONDocument(text: text, nodes: nodes), index: 0)
    }
}

/// Why a text is not JSON. `at` is the byte where it was noticed.
public enum JSONError: Error, Hashable, Sendable {
    case invalid(at: Int)
    case invalidUTF8(at: Int)
    case loneSurrogate(at: Int)
    case tooDeep(at: Int)
    case tooLarge
}
