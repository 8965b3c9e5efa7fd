import Glibc
import ThroughlineCore

/// Everything in a data folder, read without changing it.
struct FolderInspection {
    private(set) var report = FolderReport()
    let identity: [UInt8]?
    let archive: ArchiveInspection?
    let log: LogInspection

    init(_ folder: String, _ files: FileSystem, progress: (String) -> Void) throws {
        progress("reading identity")
        let decoded = (try? files.contents(of: folder + "/identity")).flatMap(StoreIdentity.decode)
        if let decoded, decoded.identity == nil { throw StoreFormat.refusal(decoded.version) }
        identity = decoded?.identity
        if identity == nil {
            let isThere = files.exists(folder + "/identity")
            let said = isThere ? "this is not the identity of a store" : "the file is missing"
            report.findings.append(Finding("identity", isThere ? 0 : nil, said))
        }
        progress("reading archive.sqlite")
        let path = folder + "/" + ArchiveInspection.file
        if files.exists(path) {
            archive = try ArchiveInspection(path: path, files)
        } else {
            archive = nil
            report.findings.append(Finding(ArchiveInspection.file, nil, "the file is missing"))
        }
        progress("reading the log")
        log = try LogInspection(
            folder: folder, tag: identity.map { $0.withUnsafeBytes { $0.get(UInt64.self, at: 0) } },
            position: archive?.position, begin: archive?.begin ?? .init(), files: files)
        report.findings += (archive?.findings ?? []) + log.findings
        count()
    }

    private mutating func count() {
        let damaged = report.damagedStreams
        report.erasedStreams = log.erased.count
        for (stream, tail) in log.tails where !damaged.contains(stream) {
            report.wholeStreams += 1
            report.events += Int(tail)
        }
        report.commits = log.segments.reduce(0) { $0 + $1.commits.count }
        report.bytes = log.bytes + (archive?.bytes ?? 0)
    }
}

extension ArchiveInspection {
    /// What SQLite knows of streams, for the log to go on from.
    var begin: LogInspection.Begin {
        var begin = LogInspection.Begin()
        let bad = Set(findings.filter { $0.severity != .notice }.compactMap(\.stream))
        for stream in streams.values {
            if stream.row.isErased {
                begin.erased.insert(stream.row.name)
            } else {
                begin.tails[stream.row.name] = stream.row.tail
            }
        }
        begin.damaged = bad
        return begin
    }
}
