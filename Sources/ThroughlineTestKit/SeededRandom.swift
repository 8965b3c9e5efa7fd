/// A random source that gives the same numbers for the same seed: SplitMix64 (Steele, Lea, Flood 2014).
public struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    public mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &self) }

    public mutating func chance(_ oneIn: Int) -> Bool { below(oneIn) == 0 }

    public mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

    /// Text with everything that is hard about text: several bytes a character, combining marks, right to left, escapes.
    public mutating func text(upTo characters: Int) -> String {
        let pieces = [
            "a", "b ", "\n", "\"", "\\", "\t", "é", "e\u{301}", "ß", "漢", "字", "🙂", "👩‍👩‍👧‍👦", "🏳️‍🌈", "שלום", "مرحبا", "\u{0}",
            "\u{7F}", "\u{2028}", "𝄞", "ﷺ",
        ]
        return (0..<below(characters + 1)).map { _ in pick(pieces) }.joined()
    }
}
