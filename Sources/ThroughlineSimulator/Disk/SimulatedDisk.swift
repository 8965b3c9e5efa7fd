import Glibc
package import ThroughlineTestKit

/// A disk that keeps its promises and no more.
///
/// What is promised: bytes are durable after an fsync of their file that returned without an error, and names after an fsync of
/// their folder. What is not synchronized may be lost at a loss of power, sector by sector of 512 bytes, in any order; a
/// sector may be torn, so that only its beginning is new. Bytes beside those written do not change. A rename is whole or
/// not at all. After a failed fsync the pages that did not get to the disk count as written and are not written again.
///
/// `@unchecked Sendable` is true because a simulation runs on one thread.
package final class SimulatedDisk: @unchecked Sendable {
    struct NameChange {
        var name: String
        /// `nil`: the name is removed.
        var file: SimulatedFile?
        /// The name that goes with a rename.
        var old: String?
    }

    struct Opened {
        var file: SimulatedFile
        var path: String
    }

    /// How the process ends.
    package enum Ending { case powerLoss, kill }

    package let clock: SimulatedClock
    package let trace: Trace
    package var random: SeededRandom
    package var counts = FaultCounts()
    package var plan = FaultPlan()
    package var mutation: Mutation?
    /// Set at the crash: until the next start every call fails and does nothing.
    package private(set) var ending: Ending?
    /// Counts the processes that have used the disk.
    package private(set) var generation = 1

    var names: [String: SimulatedFile] = [:]
    private var durableNames: [String: SimulatedFile] = [:]
    private var pendingNames: [NameChange] = []
    private var folders: Set<String> = ["/"]
    var opened: [Int32: Opened] = [:]
    var locked: [Int: Int32] = [:]
    private var nextDescriptor: Int32 = 1_000
    private var nextFile = 1
    /// How the crash that is under way ends the process.
    var crashEnding = Ending.powerLoss

    package init(clock: SimulatedClock, trace: Trace, random: SeededRandom) {
        self.clock = clock
        self.trace = trace
        self.random = random
    }

    // MARK: The process and its end

    package func die(_ ending: Ending) {
        guard self.ending == nil else { return }
        self.ending = ending
        trace.note("dies", ending == .kill ? 1 : 0)
    }

    /// What is left after the end of the process, for the next one.
    package func restart() {
        switch ending {
        case .powerLoss: losePower()
        case .kill, nil:
            for file in names.values.sorted(by: { $0.number < $1.number }) where random.chance(2) { file.evict() }
        }
        opened = [:]
        locked = [:]
        ending = nil
        generation += 1
        plan.clear()
    }

    private func losePower() {
        let keepOneIn = random.pick([0, 1, 2])
        for change in pendingNames {
            if keepOneIn > 0, random.chance(keepOneIn) { durableNames.apply(change) } else { counts.add(.lostName) }
        }
        pendingNames = []
        names = durableNames
        for file in names.values.sorted(by: { $0.number < $1.number }) { file.losePower(&random, &counts) }
    }

    // MARK: Names

    func exists(_ path: String) -> Bool { names[path] != nil || folders.contains(path) }

    func list(_ folder: String) -> [String] {
        let prefix = folder + "/"
        return names.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
            .filter { !$0.contains("/") }
            .sorted()
    }

    func makeFolder(_ path: String) { folders.insert(path) }

    func makeFile() -> SimulatedFile {
        defer { nextFile += 1 }
        return SimulatedFile(number: nextFile)
    }

    func change(_ change: NameChange) {
        names.apply(change)
        pendingNames.append(change)
    }

    func synchronizeFolder(_ folder: String) {
        pendingNames.removeAll { change in
            guard change.name.parent == folder else { return false }
            durableNames.apply(change)
            return true
        }
    }

    func addDescriptor(_ file: SimulatedFile, _ path: String) -> Int32 {
        defer { nextDescriptor += 1 }
        opened[nextDescriptor] = Opened(file: file, path: path)
        return nextDescriptor
    }

    // MARK: For the oracle

    /// The files in which a text stands, in the cache or on the disk.
    package func files(containing text: [UInt8]) -> [String] {
        var found: Set<String> = []
        for (name, file) in Array(names) + Array(durableNames) {
            if file.cached.contains(text) || file.durable.contains(text) { found.insert(name) }
        }
        return found.sorted()
    }
}

extension [String: SimulatedFile] {
    fileprivate mutating func apply(_ change: SimulatedDisk.NameChange) {
        self[change.name] = change.file
        if let old = change.old, self[old] === change.file { self[old] = nil }
    }
}

extension String {
    var parent: String {
        guard let slash = lastIndex(of: "/"), slash != startIndex else { return "/" }
        return String(self[..<slash])
    }
}

extension [UInt8] {
    fileprivate func contains(_ text: [UInt8]) -> Bool {
        withUnsafeBytes { bytes in
            var start = 0
            while start + text.count <= bytes.count,
                let found = memchr(bytes.baseAddress! + start, Int32(text[0]), bytes.count - text.count - start + 1)
            {
                if memcmp(found, text, text.count) == 0 { return true }
                start = UnsafeRawPointer(found) - bytes.baseAddress! + 1
            }
            return false
        }
    }
}
