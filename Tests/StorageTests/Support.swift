import Foundation
import Logging
import Synchronization
import Testing
import ThroughlineCore
import ThroughlineStorage
import ThroughlineTestKit

/// A folder of its own for a test, removed when the last reference goes.
final class TemporaryFolder: Sendable {
    let path: String

    init() {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("tl-\(UUID().uuidString)").path
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The folder as a crash at this moment would leave it.
    func copy() throws -> TemporaryFolder {
        let other = TemporaryFolder()
        try FileManager.default.removeItem(atPath: other.path)
        // A file may go between the listing and the copy: then it was copied at no moment, and this is tried again.
        for _ in 0..<50 {
            do {
                try copyFiles(to: other.path)
                return other
            } catch { try? FileManager.default.removeItem(atPath: other.path) }
        }
        throw CocoaError(.fileReadUnknown)
    }

    /// Not with `copyItem`, which never ends when a file becomes shorter while it is copied.
    ///
    /// The log first: an archive that is newer than the log fits it, and an older one does not.
    private func copyFiles(to other: String) throws {
        let manager = FileManager.default
        try manager.createDirectory(atPath: other + "/log", withIntermediateDirectories: true)
        for name in try manager.contentsOfDirectory(atPath: path + "/log") {
            try contents("/log/" + name).write(to: URL(fileURLWithPath: other + "/log/" + name))
        }
        let names = try manager.contentsOfDirectory(atPath: path).filter { $0 != "log" && !$0.hasSuffix("-shm") }
        let files = try names.map { try contents("/" + $0) }
        // SQLite's two files have to be of one moment.
        guard try names.map({ try contents("/" + $0) }) == files else { throw CocoaError(.fileReadUnknown) }
        for (name, file) in zip(names, files) { try file.write(to: URL(fileURLWithPath: other + "/" + name)) }
    }

    private func contents(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path + name)) }

    func open(_ configuration: StoreConfiguration = .tiny) throws -> EmbeddedLogStore {
        try EmbeddedLogStore(directory: path, configuration: configuration, logger: .silent)
    }

    /// The files of the log, oldest first.
    var segments: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path + "/log")) ?? []
        return names.sorted().map { path + "/log/" + $0 }
    }

    /// The files in which a text stands.
    func files(containing text: String) throws -> [String] {
        let needle = Data(text.utf8)
        let all = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
        return all.filter { (try? Data(contentsOf: URL(fileURLWithPath: path + "/" + $0)))?.range(of: needle) != nil }
    }
}

extension StoreConfiguration {
    /// Segments of a page, so that a test goes through many.
    static var tiny: StoreConfiguration {
        var configuration = StoreConfiguration()
        configuration.segmentBytes = 4096
        configuration.maximumRowBytes = 2048
        configuration.maximumSegments = 10_000
        return configuration
    }

    /// One segment that holds all a test writes.
    static var roomy: StoreConfiguration {
        var configuration = StoreConfiguration()
        configuration.segmentBytes = 1 << 20
        configuration.spareSegments = 0
        return configuration
    }
}

extension Logger {
    static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}

/// Bytes of a file, changed in place.
func edit(_ path: String, _ change: (inout Data) -> Void) throws {
    var data = try Data(contentsOf: URL(fileURLWithPath: path))
    change(&data)
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try handle.write(contentsOf: data)
    try handle.close()
}

extension LogStore {
    /// Appends one event after another, each waited for.
    func fill(_ stream: StreamID, from first: UInt64 = 0, count: Int, size: Int = 100) throws {
        for number in first..<first + UInt64(count) {
            let text = "\(number)-" + String(repeating: "x", count: size)
            try appendAndWait(.texts([text], to: stream, expecting: number, summary: "at \(number + 1)")).get()
        }
    }

    /// Checks that a stream has the events that `fill` appends, up to its tail, and returns the tail.
    @discardableResult
    func checkFilled(_ stream: StreamID) throws -> UInt64 {
        let records = try readAll(stream)
        for (position, record) in records.enumerated() {
            #expect(record.sequence.rawValue == UInt64(position) + 1)
            #expect(String(decoding: record.payload.prefix { $0 != UInt8(ascii: "-") }, as: UTF8.self) == "\(position)")
        }
        #expect(status(of: stream) == .live(tail: SequenceNumber(UInt64(records.count))))
        return UInt64(records.count)
    }
}

/// Waits until something is true, ten seconds at most.
func eventually(_ condition: () throws -> Bool) rethrows {
    for _ in 0..<5000 {
        if try condition() { return }
        usleep(2000)
    }
    Issue.record("it did not become true in ten seconds")
}
