import Foundation
import Testing
import ThroughlineBuilder

@Suite struct `The merge of three texts` {
    @Test func `keeps what either side changed`() {
        let merge = ThreeWayMerge(base: "a\nb\nc\nd\n", owner: "a\nB\nc\nd\n", builder: "a\nb\nc\nd\ne\n")
        #expect(merge.text == "a\nB\nc\nd\ne\n")
        #expect(merge.conflicts == 0)
    }

    @Test func `marks what both changed`() {
        let merge = ThreeWayMerge(base: "a\nb\nc\n", owner: "a\nmine\nc\n", builder: "a\nyours\nc\n")
        #expect(merge.text == "a\n<<<<<<< yours\nmine\n=======\nyours\n>>>>>>> throughline\nc\n")
        #expect(merge.conflicts == 1)
    }

    @Test func `takes the same change of both as one`() {
        let merge = ThreeWayMerge(base: "a\nb\n", owner: "a\nc\n", builder: "a\nc\n")
        #expect(merge == ThreeWayMerge(base: "a\nc\n", owner: "a\nc\n", builder: "a\nc\n"))
    }

    @Test func `loses no line of either side`() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<500 {
            let base = (0..<Int.random(in: 0...12, using: &generator)).map { "line \($0)" }
            let owner = edited(base, "mine", &generator)
            let builder = edited(base, "theirs", &generator)
            let merge = ThreeWayMerge(
                base: base.joined(separator: "\n"), owner: owner.joined(separator: "\n"),
                builder: builder.joined(separator: "\n"))
            let merged = Set(merge.text.split(separator: "\n").map(String.init))
            for line in owner + builder where !base.contains(line) { #expect(merged.contains(line)) }
            for line in base where owner.contains(line) && builder.contains(line) { #expect(merged.contains(line)) }
        }
    }

    @Test func `is the other side's text where one side changed nothing`() {
        var generator = SeededGenerator(seed: 8)
        for _ in 0..<500 {
            let base = (0..<Int.random(in: 0...12, using: &generator)).map { "line \($0 % 4)" }
            let other = edited(base, "other", &generator).joined(separator: "\n")
            let text = base.joined(separator: "\n")
            #expect(ThreeWayMerge(base: text, owner: text, builder: other).text == other)
            #expect(ThreeWayMerge(base: text, owner: other, builder: text).text == other)
        }
    }

    private func edited(_ lines: [String], _ mark: String, _ generator: inout SeededGenerator) -> [String] {
        lines.enumerated().flatMap { index, line -> [String] in
            switch Int.random(in: 0..<8, using: &generator) {
            case 0: []
            case 1: ["\(mark) \(index)"]
            case 2: [line, "\(mark) after \(index)"]
            default: [line]
            }
        }
    }
}

/// Numbers that are the same in every run.
private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
