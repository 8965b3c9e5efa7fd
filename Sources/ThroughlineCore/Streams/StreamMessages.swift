/// Turns the body of a request into the messages that are stored.
public enum StreamMessages {
    /// A JSON body's messages: the elements of an array, one level deep, or the one value that it is. Without the white space
    /// around each, otherwise as they came.
    ///
    /// - Parameter mayBeEmpty: Whether `[]` is allowed, which holds no message.
    public static func json(_ body: [UInt8], mayBeEmpty: Bool) throws(Refusal) -> [[UInt8]] {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONDocument.parse(body)
        } catch { throw Refusal(error) }
        guard value.kind == .array else { return [Array(value.source)] }
        if value.count == 0, !mayBeEmpty {
            throw Refusal(.fieldInvalid, "An empty array appends nothing. Send at least one message.")
        }
        return value.elements.map { Array($0.source) }
    }

    /// The messages of a body, by the form of the stream. Bytes are one message.
    public static func read(_ body: [UInt8], form: StreamForm, mayBeEmpty: Bool) throws(Refusal) -> [[UInt8]] {
        if body.isEmpty { return [] }
        return form == .json ? try json(body, mayBeEmpty: mayBeEmpty) : [body]
    }
}
