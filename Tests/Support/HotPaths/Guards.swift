import Foundation

/// Walks each hot path a fixed number of times, with a mark before and behind. `scripts/guards` runs this under callgrind, which
/// counts the instructions between the marks; by itself it only checks that the paths can be walked.
///
/// Takes a folder, which stores are made in. Prints one line for each path: its name, and how many operations stand between its
/// marks.
@main
struct Guards {
    static let folder = CommandLine.arguments.dropFirst().first ?? FileManager.default.currentDirectoryPath

    static func main() throws {
        for path in HotPath.all {
            let turn = try path.prepare()
            try turn()
            countFromHere()
            try turn()
            countFromHere()
            print(path.name, path.operations)
        }
        expect(marks == 2 * HotPath.all.count, "a mark is missing")
    }
}

nonisolated(unsafe) private var marks = 0

/// Where callgrind begins to count anew. Its name is in `scripts/guards`.
@inline(never)
func countFromHere() { marks += 1 }
