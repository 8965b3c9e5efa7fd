import Glibc
import Logging
import ThroughlineCore

/// Segment files that are ready to be written, made in the background.
final class SegmentPool: Sendable {
    fileprivate struct State {
        var ready: [SegmentFile] = []
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
        let result: SegmentFile
        if let file = file ?? nil { result = file } else { result = try create(capacity: segmentBytes) }
        monitor.change { $0.hasFailed = false }
        return result
    }

    /// Takes back a file nobody needs: zeroed, made durable, then kept for the next use or removed.
    func recycle(_ file: SegmentFile) throws(SystemCallError) {
        try files.zero(file.descriptor, upTo: file.capacity)
        try files.synchronize(file.descriptor)
        let isKept = monitor.change { state in
            guard file.capacity == segmentBytes, state.ready.count <= spare, !state.isClosed else { return false }
            state.ready.append(file)
            return true
        }
        if isKept { return }
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
        for file in monitor.change({ $0.takeReady() }) { files.close(file.descriptor) }
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
            try files.synchronize(descriptor)
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

extension SegmentPool.State {
    /// Whether one is to be prepared. `nil`: not now. False: never again.
    fileprivate mutating func beginPreparing(_ spare: Int) -> Bool? {
        if isClosed { return false }
        guard ready.count < spare, !hasFailed else { return nil }
        isPreparing = true
        return true
    }

    fileprivate mutating func takeReady() -> [SegmentFile] {
        defer { ready = [] }
        return ready
    }
}
