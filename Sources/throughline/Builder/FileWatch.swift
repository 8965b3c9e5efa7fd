import Foundation
import ThroughlineBuilder

/// Notices which files of a project are new, different or gone.
struct FileWatch {
    private struct Trace: Equatable {
        var modified: Date
        var size: Int
    }

    /// What makes up the programs: files and folders from the project's root.
    private let places: [String]
    private let root: URL
    private var seen: [String: Trace]
    private var latest: [String: Trace]

    init(of folder: ProjectFolder, target: Project.Target) {
        root = folder.root
        places =
            switch target {
            case .express: ["src", "package.json", "node_modules/.package-lock.json", ".env"]
            case .hummingbird: ["Sources", "Package.swift", ".env"]
            }
        seen = FileWatch.traces(of: places, in: root)
        latest = seen
    }

    /// The paths that changed since this was last asked; none while files still change.
    mutating func changes() -> [String] {
        let now = FileWatch.traces(of: places, in: root)
        defer { latest = now }
        guard now == latest, now != seen else { return [] }
        defer { seen = now }
        return Set(now.keys).union(seen.keys).filter { now[$0] != seen[$0] }.sorted()
    }

    private static func traces(of places: [String], in root: URL) -> [String: Trace] {
        var traces: [String: Trace] = [:]
        for place in places {
            let path = root.appending(path: place).path(percentEncoded: false)
            let below = FileManager.default.subpaths(atPath: path) ?? []
            for file in [place] + below.map({ "\(place)/\($0)" }) { traces[file] = trace(of: file, in: root) }
        }
        return traces
    }

    private static func trace(of path: String, in root: URL) -> Trace? {
        let path = root.appending(path: path).path(percentEncoded: false)
        guard let values = try? FileManager.default.attributesOfItem(atPath: path),
            values[.type] as? FileAttributeType == .typeRegular, let modified = values[.modificationDate] as? Date
        else { return nil }
        return Trace(modified: modified, size: values[.size] as? Int ?? 0)
    }
}
