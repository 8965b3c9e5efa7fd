extension String {
    /// Whether this is the name of a header, which is given in lower case.
    func isHeader(_ name: StaticString) -> Bool {
        guard utf8.count == name.utf8CodeUnitCount else { return false }
        var index = 0
        for byte in utf8 {
            let lower = byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
            if lower != name.utf8Start[index] { return false }
            index += 1
        }
        return true
    }

    /// Whether the name of a header begins with something, which is given in lower case.
    func isHeader(startingWith start: String) -> Bool {
        utf8.count >= start.utf8.count
            && zip(utf8, start.utf8).allSatisfy { ($0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0) == $1 }
    }
}
