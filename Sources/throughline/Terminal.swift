#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What the command line reads from and writes to.
enum Terminal {
    static var isInteractive: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

    /// Writes at once, so that a stream can be followed; ends the process quietly where nobody reads any more.
    static func write(_ bytes: some Collection<UInt8>) {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { writeBytes(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { exit(0) }
            rest = rest.dropFirst(count)
        }
    }

    static func leave(_ status: Int32) -> Never { exit(status) }

    static func print(_ text: String) { write((text + "\n").utf8) }

    /// To standard error.
    static func complain(_ text: String) {
        let bytes = Array((text + "\n").utf8)
        _ = bytes.withUnsafeBytes { writeBytes(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// Asks a question that is answered with y or n.
    static func confirm(_ question: String) -> Bool {
        let bytes = Array((question + " [y/N] ").utf8)
        _ = bytes.withUnsafeBytes { writeBytes(STDERR_FILENO, $0.baseAddress, $0.count) }
        return ["y", "yes"].contains(readLine()?.lowercased())
    }

    /// Asks for a word; nothing stands for the default.
    static func ask(_ question: String, default value: String) throws -> String {
        let bytes = Array("\(question) [\(value)] ".utf8)
        _ = bytes.withUnsafeBytes { writeBytes(STDERR_FILENO, $0.baseAddress, $0.count) }
        guard let answer = readLine() else { throw Failure("Nothing was answered.") }
        return answer.isEmpty ? value : answer
    }

    /// Asks for one of a few; the first is the default.
    static func choose<Choice: CaseIterable & RawRepresentable<String>>(
        _ question: String, from type: Choice.Type
    ) throws -> Choice {
        let names = Choice.allCases.map(\.rawValue)
        let answer = try ask("\(question) \(names.joined(separator: " or "))", default: names[0])
        guard let choice = Choice(rawValue: answer) else {
            throw Failure("‘\(answer)’ is none of \(names.joined(separator: ", ")).", status: Failure.usage)
        }
        return choice
    }

    /// A color of text on a terminal.
    enum Color: String {
        case plain = ""
        case red = "31"
        case green = "32"
        case yellow = "33"
        case cyan = "36"
    }

    /// The text in a color, where somebody looks at it who has not set NO_COLOR.
    static func paint(_ text: String, _ color: Color) -> String {
        guard color != .plain, isatty(STDOUT_FILENO) == 1, getenv("NO_COLOR") == nil else { return text }
        return "\u{1B}[\(color.rawValue)m\(text)\u{1B}[0m"
    }

    /// All of standard input.
    static func readAll() -> String {
        var text = ""
        while let line = readLine(strippingNewline: false) { text += line }
        return text
    }

    /// What somebody wrote, without what would command the terminal.
    static func harmless(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
                    return isControl && scalar != "\n" && scalar != "\t" ? "\u{FFFD}" : scalar
                }))
    }
}

private func writeBytes(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
