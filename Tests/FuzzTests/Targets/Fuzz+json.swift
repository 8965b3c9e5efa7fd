import Foundation

@testable import ThroughlineCore

extension FuzzTarget {
    /// JSON against Foundation's: the same texts are accepted, but for what is listed, and they mean the same.
    static let json = FuzzTarget("json") { bytes in
        let text = Array(bytes)
        let theirs = try? JSONSerialization.jsonObject(with: Data(text), options: .fragmentsAllowed)
        switch parsed(text) {
        case .success(let value):
            try checkMeaning(of: value, theirs)
            try checkCompact(value)
        case .failure(let error):
            try checkRefusal(error, of: text, theirs)
        }
    }

    private static func parsed(_ text: [UInt8]) -> Result<JSONValue, JSONError> {
        Result { () throws(JSONError) in try JSONDocument.parse(text) }
    }

    private static func checkMeaning(of value: JSONValue, _ theirs: Any?) throws {
        guard let theirs else {
            return try require(hasHugeNumber(value), "accepted what Foundation refuses")
        }
        try require(means(value, theirs), "means something else than for Foundation")
    }

    /// Foundation has no numbers over the range of a `Double`.
    private static func hasHugeNumber(_ value: JSONValue) -> Bool {
        switch value.kind {
        case .number: !(Double(String(decoding: value.source, as: UTF8.self)) ?? .infinity).isFinite
        case .array: value.elements.contains(where: hasHugeNumber)
        case .object: value.members.contains { hasHugeNumber($0.value) }
        default: false
        }
    }

    private static func means(_ value: JSONValue, _ theirs: Any) -> Bool {
        switch value.kind {
        case .null: return theirs is NSNull
        case .boolean: return (theirs as? NSNumber)?.boolValue == value.boolean
        case .string: return (theirs as? String).map { value.textBytes == Array($0.utf8) } ?? false
        case .number:
            guard let number = theirs as? NSNumber else { return false }
            if let integer = value.integer { return number.int64Value == integer }
            return isNear(Double(String(decoding: value.source, as: UTF8.self)), number.doubleValue)
        case .array:
            guard let array = theirs as? [Any] else { return false }
            return value.count == array.count && zip(value.elements, array).allSatisfy { means($0, $1) }
        case .object:
            guard let object = theirs as? [String: Any] else { return false }
            // Of a name that stands twice the last counts, for both.
            let members = Dictionary(value.members.map { ($0.name, $0.value) }) { $1 }
            return members.count == object.count
                && members.allSatisfy { name, member in object[name].map { means(member, $0) } ?? false }
        }
    }

    /// Foundation reads long numbers as decimals, and rounds once more.
    private static func isNear(_ ours: Double?, _ theirs: Double) -> Bool {
        ours.map { $0 == theirs || abs($0 - theirs) <= abs($0) * 1e-14 } ?? false
    }

    private static func checkCompact(_ value: JSONValue) throws {
        let compact = value.compact
        let again = try JSONDocument.parse(compact)
        try require(again.compact == compact, "compact twice is something else")
        try require(again.document.nodes.count == value.document.nodes.count, "compact has other values")
        if let text = value.textBytes {
            var writer = JSONWriter()
            writer.string(text)
            try require(try JSONDocument.parse(writer.bytes).textBytes == text, "a text does not survive writing")
        }
    }

    private static func checkRefusal(_ error: JSONError, of text: [UInt8], _ theirs: Any?) throws {
        switch error {
        case .invalid(let at):
            try require((0...text.count).contains(at), "the place is outside of the text")
            // Foundation also reads UTF-16 and UTF-32, known by a mark or by zeros.
            if text.contains(0) || text.starts(with: [0xEF, 0xBB, 0xBF]) || text.starts(with: [0xFE, 0xFF])
                || text.starts(with: [0xFF, 0xFE])
            {
                return
            }
            try require(theirs == nil || isAfterComma(at, in: text), "refused at \(at) what Foundation accepts")
        case .invalidUTF8(let at), .loneSurrogate(let at), .tooDeep(let at):
            try require((0..<text.count).contains(at), "the place is outside of the text")
        case .tooLarge:
            try require(text.count > JSONDocument.maximumBytes, "a text within the limit is too large")
        }
    }

    /// Whether an array or an object ends behind a comma, which Foundation lets pass.
    private static func isAfterComma(_ place: Int, in text: [UInt8]) -> Bool {
        guard place < text.count, text[place] == UInt8(ascii: "]") || text[place] == UInt8(ascii: "}") else {
            return false
        }
        return text[..<place].last { ![0x20, 0x0A, 0x0D, 0x09].contains($0) } == UInt8(ascii: ",")
    }
}
