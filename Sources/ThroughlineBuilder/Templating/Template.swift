/// Text with places to fill in, in the part of Mustache that the templates need:
///
///     {{name}}                  a value
///     {{#name}}…{{/name}}       once for each element of a list, or if a flag is set
///     {{^name}}…{{/name}}       if the flag is not set, or the list is empty
///
/// A line that holds nothing but the begin or end of a section leaves no empty line behind. In a list, `first` and `last` are flags.
public struct Template: Sendable {
    private indirect enum Part: Sendable {
        case text(String)
        case value(String, line: Int)
        case section(String, isInverted: Bool, [Part], line: Int)
    }

    private let name: String
    private let parts: [Part]

    /// - Parameter name: What errors call the template: its file.
    /// - Throws: ``DescriptionError`` if a section is not closed, or closed where none is open.
    public init(_ text: String, name: String) throws(DescriptionError) {
        self.name = name
        var tokens = templateTokens(text)[...]
        parts = try Template.parts(of: &tokens, until: nil, name: name)
    }

    /// - Throws: ``DescriptionError`` if the template asks for something that there is not.
    public func render(_ values: TemplateValues) throws(DescriptionError) -> String {
        var output = ""
        try render(parts, [values], to: &output)
        return output
    }

    private static func parts(
        of tokens: inout ArraySlice<TemplateToken>, until end: String?, name: String
    ) throws(DescriptionError) -> [Part] {
        var parts: [Part] = []
        while let token = tokens.popFirst() {
            switch token.kind {
            case .text(let text): parts.append(.text(text))
            case .value(let value): parts.append(.value(value, line: token.line))
            case .open(let section, let isInverted):
                let inner = try Template.parts(of: &tokens, until: section, name: name)
                parts.append(.section(section, isInverted: isInverted, inner, line: token.line))
            case .close(let section):
                guard section == end else {
                    throw DescriptionError("\(name):\(token.line): {{/\(section)}} closes nothing.")
                }
                return parts
            }
        }
        if let end { throw DescriptionError("\(name): {{#\(end)}} is not closed.") }
        return parts
    }

    private func render(_ parts: [Part], _ scopes: [TemplateValues], to output: inout String) throws(DescriptionError) {
        for part in parts {
            switch part {
            case .text(let text): output += text
            case .value(let value, let line):
                guard case .text(let text) = try find(value, in: scopes, line) else {
                    throw DescriptionError("\(name):\(line): {{\(value)}} is a section, not a value.")
                }
                output += text
            case .section(let section, let isInverted, let inner, let line):
                try render(section, isInverted, inner, line, scopes, to: &output)
            }
        }
    }

    private func render(
        _ section: String, _ isInverted: Bool, _ inner: [Part], _ line: Int, _ scopes: [TemplateValues],
        to output: inout String
    ) throws(DescriptionError) {
        switch try find(section, in: scopes, line) {
        case .text: throw DescriptionError("\(name):\(line): {{#\(section)}} is a value, not a section.")
        case .flag(let isSet):
            if isSet != isInverted { try render(inner, scopes, to: &output) }
        case .list(let elements) where isInverted:
            if elements.isEmpty { try render(inner, scopes, to: &output) }
        case .list(let elements):
            for (index, element) in elements.enumerated() {
                let place: TemplateValues = ["first": .flag(index == 0), "last": .flag(index == elements.count - 1)]
                try render(inner, scopes + [place, element], to: &output)
            }
        }
    }

    private func find(_ value: String, in scopes: [TemplateValues], _ line: Int) throws(DescriptionError)
        -> TemplateValue
    {
        for scope in scopes.reversed() {
            if let found = scope[value] { return found }
        }
        throw DescriptionError("\(name):\(line): there is no ‘\(value)’ to fill in.")
    }
}

/// What a template is filled with.
public typealias TemplateValues = [String: TemplateValue]

/// One thing to fill in.
public enum TemplateValue: Sendable, ExpressibleByStringLiteral, ExpressibleByBooleanLiteral {
    case text(String)
    case flag(Bool)
    case list([TemplateValues])

    public init(stringLiteral value: String) { self = .text(value) }
    public init(booleanLiteral value: Bool) { self = .flag(value) }
}
