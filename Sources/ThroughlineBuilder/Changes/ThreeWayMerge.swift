/// Brings what the builder would change into what the owner changed, line by line.
public struct ThreeWayMerge: Equatable, Sendable {
    /// With conflict markers where both changed the same lines.
    public var text: String
    public var conflicts: Int

    /// - Parameters:
    ///   - base: What was generated last.
    ///   - owner: What is there now.
    ///   - builder: What would be generated now.
    public init(base: String, owner: String, builder: String) {
        let base = lines(base)
        let owner = Matching(base, lines(owner))
        let builder = Matching(base, lines(builder))
        var merged: [Substring] = []
        var conflicts = 0
        var place = (base: 0, owner: 0, builder: 0)
        while place.base < base.count || place.owner < owner.lines.count || place.builder < builder.lines.count {
            // Lines that neither side touched.
            if place.base < base.count, owner.match[place.base] == place.owner,
                builder.match[place.base] == place.builder
            {
                merged.append(base[place.base])
                place = (place.base + 1, place.owner + 1, place.builder + 1)
                continue
            }
            let next = ThreeWayMerge.nextCommon(after: place, base.count, owner, builder)
            let ours = owner.lines[place.owner..<next.owner]
            let theirs = builder.lines[place.builder..<next.builder]
            let original = base[place.base..<next.base]
            if ours.elementsEqual(theirs) || theirs.elementsEqual(original) {
                merged += ours
            } else if ours.elementsEqual(original) {
                merged += theirs
            } else {
                conflicts += 1
                merged += ["<<<<<<< yours"] + ours + ["======="] + theirs + [">>>>>>> throughline"]
            }
            place = next
        }
        text = merged.joined(separator: "\n")
        self.conflicts = conflicts
    }

    /// The first line of the base from here on that both sides kept.
    private static func nextCommon(
        after place: (base: Int, owner: Int, builder: Int), _ count: Int, _ owner: Matching, _ builder: Matching
    ) -> (base: Int, owner: Int, builder: Int) {
        for line in place.base..<max(place.base, count) {
            if let ours = owner.match[line], let theirs = builder.match[line], ours >= place.owner,
                theirs >= place.builder
            {
                return (line, ours, theirs)
            }
        }
        return (count, owner.lines.count, builder.lines.count)
    }
}

/// Which line of one text became which line of another.
private struct Matching {
    var lines: [Substring]
    /// For each line of the base, its line in the other text, if it is still there.
    var match: [Int?]

    init(_ base: [Substring], _ lines: [Substring]) {
        self.lines = lines
        match = Array(repeating: nil, count: base.count)
        var removed = Set<Int>()
        var inserted = Set<Int>()
        for change in lines.difference(from: base) {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): inserted.insert(offset)
            }
        }
        var other = 0
        for line in base.indices where !removed.contains(line) {
            while inserted.contains(other) { other += 1 }
            match[line] = other
            other += 1
        }
    }
}

private func lines(_ text: String) -> [Substring] {
    text.split(separator: "\n", omittingEmptySubsequences: false)
}
