/// A name as its words, from which every spelling of it follows.
public struct Words: Hashable, Sendable {
    /// In lower case.
    public var words: [String]

    /// Takes a name apart at hyphens, underscores, spaces, and where a capital begins a word: `blogPost`, `blog-post`, `HTTPServer`.
    public init(_ name: String) {
        var words: [String] = []
        var word = ""
        let characters = Array(name.precomposed)
        for (index, character) in characters.enumerated() {
            if character == "-" || character == "_" || character == " " {
                words.append(word)
                word = ""
                continue
            }
            let previous = index > 0 ? characters[index - 1] : nil
            let next = index + 1 < characters.count ? characters[index + 1] : nil
            let beginsWord = character.isUppercase && (previous?.isUppercase == false || next?.isLowercase == true)
            if beginsWord {
                words.append(word)
                word = ""
            }
            word.append(contentsOf: character.lowercased())
        }
        words.append(word)
        self.words = words.filter { !$0.isEmpty }
    }

    /// `blogPost`
    public var camel: String { (words.first ?? "") + words.dropFirst().map(\.capitalizedWord).joined() }
    /// `BlogPost`
    public var pascal: String { words.map(\.capitalizedWord).joined() }
    /// `blog_post`
    public var snake: String { words.joined(separator: "_") }
    /// `blog-post`
    public var kebab: String { words.joined(separator: "-") }
    /// `blog post`
    public var spaced: String { words.joined(separator: " ") }
    /// `blogpost`: two names with the same letters are too alike.
    public var joined: String { words.joined() }
}

extension Words {
    /// The name for many, from the name for one.
    public var plural: Words {
        var words = words
        guard let last = words.popLast() else { return self }
        return Words(words: words + [Inflection.plural(of: last)])
    }

    /// The name for one, from the name for many; the same if it is for one already.
    public var singular: Words {
        var words = words
        guard let last = words.popLast() else { return self }
        return Words(words: words + [Inflection.singular(of: last)])
    }

    private init(words: [String]) { self.words = words }
}

extension String {
    /// The first letter as a capital, the rest as it is.
    var capitalizedWord: String { (first?.uppercased() ?? "") + dropFirst() }
}
