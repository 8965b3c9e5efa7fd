import ThroughlineCore

extension FuzzTarget {
    /// `[patch, target]`: the result is what the pseudo-code of RFC 7396 says.
    static let mergePatch = FuzzTarget("merge-patch") { bytes in
        guard let pair = try? JSONDocument.parse(Array(bytes)).elements, pair.count == 2 else { return }
        let result = try JSONDocument.parse(MergePatch.apply(pair[0], to: pair[1]))
        let expected = Tree(pair[1]).patched(with: Tree(pair[0]))
        try require(Tree(result) == expected, "patched to something else than the RFC says")
        let again = try JSONDocument.parse(MergePatch.apply(pair[0], to: result))
        try require(Tree(again) == expected, "the same patch changes its own result")
    }
}

/// A JSON value by its meaning. Names are compared byte by byte.
private indirect enum Tree: Equatable {
    case object([[UInt8]: Tree])
    case array([Tree])
    case scalar([UInt8])
    case null

    init(_ value: JSONValue) {
        switch value.kind {
        case .object: self = .object(Dictionary(value.members.map { (Array($0.name.utf8), Tree($0.value)) }) { $1 })
        case .array: self = .array(value.elements.map(Tree.init))
        case .null: self = .null
        case .string: self = .scalar([UInt8(ascii: "\"")] + (value.textBytes ?? []))
        case .number, .boolean: self = .scalar(Array(value.source))
        }
    }

    /// RFC 7396, section 2.
    func patched(with patch: Tree) -> Tree {
        guard case .object(let changes) = patch else { return patch }
        var members: [[UInt8]: Tree] = [:]
        if case .object(let old) = self { members = old }
        for (name, change) in changes {
            members[name] = change == .null ? nil : (members[name] ?? .null).patched(with: change)
        }
        return .object(members)
    }
}
