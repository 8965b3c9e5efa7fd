import Foundation
import Testing
import ThroughlineTestKit

@Suite struct `What a fuzzer found` {
    @Test(arguments: FuzzTarget.all.map(\.name)) func `is read in order`(name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        let corpus = try Corpus.files(of: name)
        #expect(corpus.count >= 5, "Tests/Corpus/\(name) is nearly empty")
        for (file, bytes) in corpus {
            #expect(throws: Never.self, "Tests/Corpus/\(name)/\(file)") { try bytes.withUnsafeBytes(target.run) }
        }
    }

    /// A little fuzzing in every run: pieces of the corpus, changed and put together at random.
    @Test(arguments: FuzzTarget.all.map(\.name)) func `is read in order when it is changed`(name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        let corpus = try Corpus.files(of: name).map(\.bytes)
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededRandom(seed: seed)
        for turn in 0..<300 {
            let bytes = Corpus.mutated(random.pick(corpus), with: random.pick(corpus), &random)
            #expect(throws: Never.self, "seed \(seed), turn \(turn): \(Data(bytes).base64EncodedString())") {
                try bytes.withUnsafeBytes(target.run)
            }
        }
    }

    @Test func `is kept for every target and for no other`() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Corpus.folder)
        #expect(Set(folders.filter { !$0.hasPrefix(".") }) == Set(FuzzTarget.all.map(\.name)))
    }
}

private enum Corpus {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Corpus").path

    static func files(of target: String) throws -> [(name: String, bytes: [UInt8])] {
        try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(target)").sorted().map { name in
            (name, Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(target)/\(name)"))))
        }
    }

    static func mutated(_ bytes: [UInt8], with other: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var bytes = bytes
        for _ in 0...random.below(4) {
            let place = random.below(bytes.count + 1)
            switch random.below(5) {
            case 0: bytes.insert(UInt8(random.below(256)), at: place)
            case 1 where place < bytes.count: bytes[place] ^= 1 << UInt8(random.below(8))
            case 2 where place < bytes.count:
                bytes.removeSubrange(place..<min(bytes.count, place + 1 + random.below(8)))
            case 3: bytes.insert(contentsOf: other.piece(&random), at: place)
            default: bytes.removeSubrange(place...)
            }
        }
        return bytes
    }
}

extension [UInt8] {
    /// A piece from anywhere.
    fileprivate func piece(_ random: inout SeededRandom) -> ArraySlice<UInt8> {
        let start = random.below(count + 1)
        return self[start..<Swift.min(count, start + random.below(40))]
    }
}
