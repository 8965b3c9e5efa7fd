package import ThroughlineCore

/// What the demonstration agent answers: the same to the same words.
package struct DemoAnswer: Hashable, Sendable {
    package struct Step: Hashable, Sendable {
        package var head: PartHead
        package var text: String

        /// A tool does not write at the pace of a reader.
        var isAtOnce: Bool { head.kind == .toolCall || head.kind == .toolResult }
    }

    package let steps: [Step]

    package init(to said: String) {
        let topic = Self.topic(of: said)
        let words = said.split(whereSeparator: \.isWhitespace)
        let wishes = Wishes(said)
        steps = [
            Step(head: PartHead(kind: .reasoning), text: Self.reasoning(topic, wishes)),
            Step(
                head: PartHead(kind: .toolCall, name: "count_words", call: "call_1"),
                text: Self.json { $0.field("text", topic) }),
            Step(
                head: PartHead(kind: .toolResult, name: "count_words", call: "call_1"),
                text: Self.json {
                    $0.field("words", words.count)
                    $0.field("characters", said.count)
                }),
            Step(head: PartHead(kind: .text), text: Self.text(topic, words: words.count, wishes)),
        ]
    }

    /// What the input asks for by its words.
    private struct Wishes {
        let long, table, code, emoji: Bool

        init(_ said: String) {
            let said = said.lowercased()
            long = said.contains("long") || said.contains("story")
            table = said.contains("table")
            code = said.contains("code") || said.contains("swift")
            emoji = said.contains("emoji") || said.unicodeScalars.contains { $0.properties.isEmojiPresentation }
        }
    }

    /// The text in pieces that end behind white space; whole, nothing is lost.
    package static func words(of text: String) -> [Substring] {
        var words: [Substring] = []
        var start = text.startIndex
        var index = start
        while index < text.endIndex {
            let next = text.index(after: index)
            if text[index].isWhitespace, next == text.endIndex || !text[next].isWhitespace {
                words.append(text[start..<next])
                start = next
            }
            index = next
        }
        if start < text.endIndex { words.append(text[start...]) }
        return words
    }

    /// The first words of what was said, without what would be markup.
    private static func topic(of said: String) -> String {
        let markup: Set<Character> = ["`", "*", "_", "#", "<", ">", "[", "]", "|", "\\", "~"]
        let words = said.filter { !markup.contains($0) }.split(whereSeparator: \.isWhitespace)
        let topic = words.prefix(10).joined(separator: " ")
        if topic.isEmpty { return "nothing in particular" }
        return String(topic.prefix(80)) + (words.count > 10 || topic.count > 80 ? "…" : "")
    }

    private static func json(_ body: (inout JSONWriter) -> Void) -> String {
        String(decoding: JSONWriter.object(body), as: UTF8.self)
    }

    // MARK: What it says

    private static func reasoning(_ topic: String, _ wishes: Wishes) -> String {
        var text = "Somebody wrote “\(topic)”. I am no model, so I cannot know much about it. "
        text += "I can count the words with a tool and show what an answer may hold."
        if wishes.long { text += " They want it long: there will be time to press Stop, or to reload the page." }
        return text
    }

    private static func text(_ topic: String, words: Int, _ wishes: Wishes) -> String {
        var sections = [opening(topic, words: words)]
        if wishes.emoji { sections.append(emoji) }
        sections.append(list)
        sections.append(wishes.table ? largeTable : table)
        sections.append(wishes.code ? largeCode : code)
        if wishes.long { sections += (1...8).map { chapter($0, topic) } }
        sections.append(closing)
        return sections.joined(separator: "\n\n")
    }

    private static func opening(_ topic: String, words: Int) -> String {
        let count = words == 1 ? "one word" : "\(words) words"
        return """
            ## You said: \(topic)

            That was \(count). I am the **demonstration agent**: nobody has to configure a model to see me write.
            """
    }

    private static let emoji = "Emoji stay whole on the way: 👩‍👩‍👧 🏔️ 🇨🇭 👍🏽, and so do é, שלום and مرحبا."

    private static let list = """
        Try this while I write:

        - reload the page, and read on where you were
        - open it in a *second tab*
        - press **Stop** in one of them
        """

    private static let table = """
        | word in your message | what you get |
        |---|---|
        | `long` | a long answer |
        | `table` | a larger table |
        | `code` | more code |
        """

    private static let largeTable = """
        | step | who | what is stored | number |
        |---|---|:-:|--:|
        | ask | you | `input.added` | 2 |
        | take | the agent | `run.started` | 3 |
        | begin | the agent | `message.started` | 4 |
        | write | the agent | `part.appended` | 5 to 90 |
        | finish | the agent | `message.ended` | 91 |
        | end | the agent | `run.ended` | 92 |
        """

    private static let code = """
        ```sh
        throughline session tail demo
        ```
        """

    private static let largeCode = """
        ```swift
        /// Counts how often each word stands in a text.
        func count(_ text: String) -> [Substring: Int] {
            var counts: [Substring: Int] = [:]
            for word in text.split(separator: " ") {
                counts[word, default: 0] += 1
            }
            return counts
        }
        ```
        """

    private static func chapter(_ number: Int, _ topic: String) -> String {
        """
        ### Part \(number)

        \(sentences[(number - 1) % sentences.count]) This is part \(number) of a long answer to “\(topic)”. Each word of it was \
        stored before you saw it, so whatever happens to this page, to the network or to the server, nothing of it is lost \
        and nothing comes twice.

        1. What is written is kept in one order.
        2. What is kept can be read again, from any place in it.
        3. What is stopped stays stopped.
        """
    }

    private static let sentences = [
        "A river does not ask who is watching it.",
        "A letter that was posted arrives, even if its writer has gone home.",
        "Two people can read the same book, each at their own pace.",
        "A good conversation survives a slammed door.",
    ]

    private static let closing = """
        To have a real model answer, start the server with `--upstream` and `--model`. I am written in \
        [Swift](https://www.swift.org).
        """
}
