import ThroughlineTestKit

/// A file as the operating system shows it, and as it is on the disk.
package final class SimulatedFile {
    enum Change {
        case bytes(at: Int, [UInt8])
        case size(Int)
    }

    static let sectorBytes = 512

    let number: Int
    /// What reads see: the cache of the operating system.
    private(set) var cached: [UInt8] = []
    /// What the disk has.
    private(set) var durable: [UInt8] = []
    /// What is in the cache and not on the disk, in order.
    private(set) var pending: [Change] = []
    /// Something was dropped after a failed fsync: the cache shows what the disk does not have.
    private var hasGhosts = false

    // What SQLite shares between its connections to this file.
    var connections: [SQLiteFile] = []
    var sharedMemory: [UnsafeMutableRawPointer] = []

    init(number: Int) { self.number = number }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        let copy = Array(bytes)
        cached.put(copy[...], at: offset)
        pending.append(.bytes(at: offset, copy))
    }

    func resize(to size: Int) {
        cached.resize(to: size)
        pending.append(.size(size))
    }

    func synchronize() {
        for change in pending { durable.apply(change) }
        pending = []
    }

    /// After a loss of power: each sector that was not synchronized is on the disk or not, whatever came before or after.
    func losePower(_ random: inout SeededRandom, _ counts: inout FaultCounts) {
        persistSome(&random, &counts)
        cached = durable
        hasGhosts = false
    }

    /// After a failed fsync: some of it got to the disk, the rest never will, and the cache takes it all for written.
    func dropPages(_ random: inout SeededRandom, _ counts: inout FaultCounts) {
        var lost = FaultCounts()
        persistSome(&random, &lost)
        counts.add(.droppedPage, lost[.lostSector])
        hasGhosts = cached != durable
    }

    /// The cache forgets what is clean.
    func evict() {
        guard hasGhosts else { return }
        cached = durable
        for change in pending { cached.apply(change) }
        hasGhosts = false
    }

    private func persistSome(_ random: inout SeededRandom, _ counts: inout FaultCounts) {
        var hasLost = false
        // Of some crashes nothing is left, of some all but a little.
        let keepOneIn = random.pick([0, 1, 2, 2, 4])
        for change in pending {
            switch change {
            case .size(let size):
                if keepOneIn > 0, random.chance(keepOneIn) { durable.resize(to: size) }
            case .bytes(let offset, let bytes):
                for sector in SectorWalk(offset: offset, count: bytes.count) {
                    var piece = bytes[sector]
                    guard keepOneIn > 0, random.chance(keepOneIn) else {
                        counts.add(.lostSector)
                        hasLost = true
                        continue
                    }
                    if hasLost { counts.add(.reorderedSector) }
                    if piece.count > 1, random.chance(8) {
                        counts.add(.tornSector)
                        piece = piece.prefix(1 + random.below(piece.count - 1))
                    }
                    durable.put(piece, at: offset + sector.lowerBound)
                }
            }
        }
        pending = []
    }
}

/// The pieces of a write that lie in one sector each, as ranges of its bytes.
private struct SectorWalk: Sequence, IteratorProtocol {
    let offset: Int
    let count: Int
    var position = 0

    init(offset: Int, count: Int) {
        self.offset = offset
        self.count = count
    }

    mutating func next() -> Range<Int>? {
        guard position < count else { return nil }
        let start = position
        let sectorEnd = ((offset + start) / SimulatedFile.sectorBytes + 1) * SimulatedFile.sectorBytes
        position = Swift.min(count, sectorEnd - offset)
        return start..<position
    }
}

extension [UInt8] {
    fileprivate mutating func put(_ bytes: ArraySlice<UInt8>, at offset: Int) {
        if count < offset + bytes.count { resize(to: offset + bytes.count) }
        withUnsafeMutableBytes { target in
            bytes.withUnsafeBytes { source in
                UnsafeMutableRawBufferPointer(rebasing: target[offset..<offset + source.count]).copyMemory(from: source)
            }
        }
    }

    fileprivate mutating func resize(to size: Int) {
        if size < count { removeLast(count - size) } else { append(contentsOf: repeatElement(0, count: size - count)) }
    }

    fileprivate mutating func apply(_ change: SimulatedFile.Change) {
        switch change {
        case .bytes(let offset, let bytes): put(bytes[...], at: offset)
        case .size(let size): resize(to: size)
        }
    }
}
