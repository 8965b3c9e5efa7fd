import Glibc
import Logging
import ThroughlineCore

/// Segment files that are ready to be written: new ones, made in the background, and used ones, which keep what has moved
/// until a commit overwrites it, as long as nothing is erased.
final class SegmentPool: Sendable {
    fileprivate struct State {
        var ready: [SegmentFile] = []
        /// Files that may hold erased records: to be zeroed before they are used again.
        var soiled: [SegmentFile] = []
        /// Files that are being zeroed now.
        var cleaning = 0
        /// Erasures whose bytes may still be in files of the log.
        var erasures = 0
        var nextID: UInt32
        var isPreparing = false
        var isClosed = false
        /// The last attempt failed: no other before a segment is asked for.
        var hasFailed = false
    }

    private let folder: StoreFolder
    private let files: FileSystem
    private let segmentBytes: Int
    private let spare: Int
    private let logger: Logger
    private let monitor: Monitor<State>

    init(
        _ folder: StoreFolder, _ configuration: StoreConfiguration, ready: [SegmentFile], nextID: UInt32,
        logger: Logger
    ) {
        self.folder = folder
        self.logger = logger
        files = configuration.fileSystem
        segmentBytes = configuration.segmentBytes
        spare = configuration.spareSegments
        monitor = Monitor(State(ready: ready, nextID: nextID))
    }

    /// A segment with room for one commit of so many bytes. Waits for one that is being made, else makes it here.
    func take(atLeast length: Int) throws(SystemCallError) -> SegmentFile {
        if length > segmentBytes { return try create(capacity: (length + 4095) & ~4095) }
        let file: SegmentFile?? = monitor.wait { state in
            if let file = state.ready.popLast() { return .some(file) }
            return state.isPreparing ? nil : .some(nil)
        }
        var result = file ?? nil
        if result == nil { result = try cleanOne() }
        let taken = if let result { result } else { try create(capacity: segmentBytes) }
        monitor.change { $0.hasFailed = false }
        return taken
    }

    /// Takes back a file nobody needs: kept for the next use or removed.
    ///
    /// - Parameter isToBeZeroed: What is in it must be gone when it is used again, even if nothing is being erased.
    func recycle(_ file: SegmentFile, isToBeZeroed: Bool) throws(SystemCallError) {
        let isKept = monitor.change { state in
            guard file.capacity == segmentBytes, state.spares <= spare, !state.isClosed else { return false }
            if isToBeZeroed || state.erasures > 0 { state.soiled.append(file) } else { state.ready.append(file) }
            return true
        }
        if isKept { return }
        try zero(file)
        try files.remove(file.path)
        files.close(file.descriptor)
    }

    /// The body of the background thread: keeps the spare segments ready.
    func run() {
        while monitor.wait(until: { $0.beginPreparing(spare) }) { prepare() }
    }

    /// The same without waiting: false when nothing is missing now.
    func step() -> Bool {
        guard monitor.withLock({ $0.beginPreparing(spare) }) == true else { return false }
        prepare()
        return true
    }

    private func prepare() {
        do throws(SystemCallError) {
            let file = try create(capacity: segmentBytes)
            monitor.change { state in
                state.ready.append(file)
                state.isPreparing = false
            }
        } catch {
            logger.warning("no segment could be prepared", metadata: ["error": "\(error)"])
            monitor.change { state in
                state.isPreparing = false
                state.hasFailed = true
            }
        }
    }

    /// Ends the background thread's work.
    func stop() { monitor.change { $0.isClosed = true } }

    /// Closes the files. After the thread has ended.
    func close() {
        for file in monitor.change({ $0.takeAll() }) { files.close(file.descriptor) }
    }

    private func create(capacity: Int) throws(SystemCallError) -> SegmentFile {
        let id = monitor.withLock { state in
            defer { state.nextID += 1 }
            return state.nextID
        }
        let path = folder.segmentPath(id)
        // Under another name until it is whole: who opens the store after a crash must not take half of one for a spare.
        let draft = folder.segmentDraftPath(id)
        let descriptor = try files.open(draft, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        do throws(SystemCallError) {
            try files.allocate(descriptor, capacity)
            try files.zero(descriptor, upTo: capacity)
            try files.rename(draft, path)
            try files.synchronizeDirectory(folder.logPath)
        } catch {
            // Room that a half-made file holds would be missing where it is needed.
            try? files.remove(draft)
            try? files.remove(path)
            files.close(descriptor)
            throw error
        }
        return SegmentFile(id: id, path: path, descriptor: descriptor, capacity: capacity)
    }
}

// MARK: Erasing

extension SegmentPool {
    /// Streams were erased: from now on, until ``endErasing(_:)``, used files are zeroed before they are used again.
    ///
    /// Any of them may hold the streams' records, which can have moved long ago.
    func beginErasing(_ count: Int) {
        monitor.change { state in
            state.erasures += count
            state.soiled += state.ready.filter { $0.stale > 0 }
            state.ready.removeAll { $0.stale > 0 }
        }
    }

    /// Zeroes all used files that there are, and waits for those that another thread zeroes.
    func clean() throws(SystemCallError) {
        while let file = try cleanOne() { monitor.change { $0.ready.append(file) } }
        monitor.wait { $0.cleaning == 0 ? () : nil }
    }

    /// Of so many erased streams nothing is left in any file.
    func endErasing(_ count: Int) { monitor.change { $0.erasures -= count } }

    /// One that was used, zeroed; `nil` when there is none.
    private func cleanOne() throws(SystemCallError) -> SegmentFile? {
        let soiled = monitor.change { state in
            let file = state.soiled.popLast()
            if file != nil { state.cleaning += 1 }
            return file
        }
        guard var file = soiled else { return nil }
        do throws(SystemCallError) {
            try zero(file)
        } catch {
            monitor.change { state in
                state.soiled.append(file)
                state.cleaning -= 1
            }
            throw error
        }
        file.stale = 0
        monitor.change { $0.cleaning -= 1 }
        return file
    }

    private func zero(_ file: SegmentFile) throws(SystemCallError) {
        try files.zero(file.descriptor, upTo: file.stale)
    }
}

extension SegmentPool.State {
    fileprivate var spares: Int { ready.count + soiled.count + cleaning }

    /// Whether one is to be prepared. `nil`: not now. False: never again.
    fileprivate mutating func beginPreparing(_ spare: Int) -> Bool? {
        if isClosed { return false }
        guard spares < spare, !hasFailed else { return nil }
        isPreparing = true
        return true
    }

    fileprivate mutating func takeAll() -> [SegmentFile] {
        defer { (ready, soiled) = ([], []) }
        return ready + soiled
    }
}
