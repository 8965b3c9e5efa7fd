import ArgumentParser
import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import ThroughlineCore
import ThroughlineStorage

/// `throughline data backup`
struct DataBackup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Takes a backup while the server runs.",
        discussion: """
            One file with everything that was acknowledged before the backup began. Writers do not wait for it. It is verified
            when it is complete, and again when it is restored. It holds what was said in every session: keep it safe.

            EXAMPLES:
              throughline data backup --to nightly.backup
              throughline data backup --to /var/backups            # names the file by the time
              throughline data backup --to - | zstd > nightly.zst
              throughline data backup --data ./throughline-data --to cold.backup   # of a server that is stopped
            """)

    @OptionGroup var options: SessionOptions

    @Option(help: "The file, or a folder for it, or - for standard output.")
    var to: String

    @Option(help: "Of this folder, whose server is stopped, instead of a server that runs.")
    var data: String?

    @Flag(help: "Answers as JSON.")
    var json = false

    func run() async throws {
        if to == "-" { return try await write { Terminal.write($0) } }
        let path = target
        let draft = path + ".part"
        let options = [FileAttributeKey.posixPermissions: 0o600]
        guard FileManager.default.createFile(atPath: draft, contents: nil, attributes: options),
            let handle = FileHandle(forWritingAtPath: draft)
        else { throw Failure("\(draft) cannot be written. Choose another place with --to.") }
        do {
            try await write { bytes in try handle.write(contentsOf: Data(bytes)) }
            try handle.synchronize()
            try handle.close()
            let summary = try BackupSummary(checking: draft)
            guard rename(draft, path) == 0 else { throw Failure("\(path) cannot be written.") }
            tell(summary, path)
        } catch {
            try? FileManager.default.removeItem(atPath: draft)
            if let error = error as? StoreError { throw Failure("The backup is not whole, and was removed: \(error).") }
            throw error is Failure ? error : Failure("The backup could not be written to \(path): \(error).")
        }
    }

    private var target: String {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: to, isDirectory: &isFolder), isFolder.boolValue else { return to }
        let name = Date().formatted(.iso8601.dateSeparator(.omitted).timeSeparator(.omitted))
        return (to as NSString).appendingPathComponent("throughline-\(name).backup")
    }

    private func write(_ body: @escaping ([UInt8]) throws -> Void) async throws {
        var (written, told) = (0, 0)
        let count: ([UInt8]) throws -> Void = { bytes in
            try body(bytes)
            written += bytes.count
            if written - told > 64 << 20 {
                told = written
                DataCare.report("\(written >> 20) MiB")
            }
        }
        if let data { try writeStopped(data, count) } else { try await writeRunning(count) }
    }

    private func writeRunning(_ body: ([UInt8]) throws -> Void) async throws {
        let client = options.client
        let response = try await client.open(.POST, "/v1/admin/backup", accept: "application/octet-stream")
        guard response.status.code < 300 else {
            throw ServerClient.refusal(try await client.whole(response), status: response.status.code)
        }
        do {
            for try await buffer in response.body { try body(Array(buffer.readableBytesView)) }
        } catch let error as HTTPClientError {
            throw Failure("The backup was cut off: \(error).", status: Failure.unreachable)
        }
    }

    private func writeStopped(_ folder: String, _ body: ([UInt8]) throws -> Void) throws {
        guard FileManager.default.fileExists(atPath: folder + "/identity") else {
            throw Failure("\(folder) is not the data folder of a server.", status: Failure.usage)
        }
        do {
            let store = try EmbeddedLogStore(
                directory: folder, logger: Logger(label: "throughline") { StreamLogHandler.standardError(label: $0) })
            defer { store.close() }
            let feed = try store.backup(at: Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000)))
            defer { feed.close() }
            while let piece = try feed.next() { try body(piece) }
        } catch let error as StoreError { throw DataCare.failure(error, folder) }
    }

    private func tell(_ summary: BackupSummary, _ path: String) {
        if json {
            let bytes = JSONWriter.object {
                $0.field("backup", path)
                $0.field("bytes", UInt64(summary.bytes))
                $0.field("streams", UInt64(summary.streams))
            }
            return Terminal.print(String(decoding: bytes, as: UTF8.self))
        }
        let size = DataCare.count(summary.bytes, "byte", "bytes")
        Terminal.print("\(path): \(DataCare.count(summary.streams, "stream", "streams")), \(size), verified.")
    }
}
