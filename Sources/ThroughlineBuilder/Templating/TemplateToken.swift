/// A piece of a template.
struct TemplateToken {
    enum Kind {
        case text(String)
        case value(String)
        case open(String, isInverted: Bool)
        case close(String)
    }

    var kind: Kind
    var line: Int
}

/// Takes a template apart into its pieces.
func templateTokens(_ text: String) -> [TemplateToken] {
    var tokens: [TemplateToken] = []
    var number = 0
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
        number += 1
        let pieces = pieces(of: line, number)
        let isLast = line.endIndex == text.endIndex
        let holdsText = pieces.contains { piece in
            switch piece.kind {
            case .text(let text): !text.allSatisfy(\.isWhitespace)
            case .value: true
            case .open, .close: false
            }
        }
        let isOnlySections = !holdsText && pieces.contains { if case .text = $0.kind { false } else { true } }
        if isOnlySections {
            tokens += pieces.filter { if case .text = $0.kind { false } else { true } }
        } else {
            tokens += pieces
            if !isLast { tokens.append(TemplateToken(kind: .text("\n"), line: number)) }
        }
    }
    return tokens
}

private func pieces(of line: Substring, _ number: Int) -> [TemplateToken] {
    var pieces: [TemplateToken] = []
    var rest = line
    while let open = rest.firstRange(of: "{{"), let close = rest[open.upperBound...].firstRange(of: "}}") {
        if open.lowerBound > rest.startIndex {
            pieces.append(TemplateToken(kind: .text(String(rest[..<open.lowerBound])), line: number))
        }
        pieces.append(TemplateToken(kind: kind(of: rest[open.upperBound..<close.lowerBound]), line: number))
        rest = rest[close.upperBound...]
    }
    if !rest.isEmpty { pieces.append(TemplateToken(kind: .text(String(rest)), line: number)) }
    return pieces
}

private func kind(of tag: Substring) -> TemplateToken.Kind {
    switch tag.first {
    case "#": .open(String(tag.dropFirst()), isInverted: false)
    case "^": .open(String(tag.dropFirst()), isInverted: true)
    case "/": .close(String(tag.dropFirst()))
    default: .value(String(tag))
    }
}
