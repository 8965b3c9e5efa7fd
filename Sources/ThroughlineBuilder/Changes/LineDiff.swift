/// What changes in a text, as `diff -u` shows it.
public enum LineDiff {
    private static let context = 3

    /// Empty if nothing changes.
    public static func unified(from old: String, to new: String, path: String) -> String {
        let edits = edits(from: old, to: new)
        guard edits.contains(where: { $0.kind != " " }) else { return "" }
        var output = "--- \(path)\n+++ \(path)\n"
        var index = 0
        while let start = edits[index...].firstIndex(where: { $0.kind != " " }) {
            var end = start
            var next = start
            while next < edits.count, next - end <= 2 * context {
                if edits[next].kind != " " { end = next }
                next += 1
            }
            let hunk = max(index, start - context)..<min(edits.count, end + context + 1)
            output += header(of: edits[hunk])
            for edit in edits[hunk] { output += edit.kind + edit.line + "\n" }
            index = hunk.upperBound
            guard index < edits.count else { break }
        }
        return output
    }

    private struct Edit {
        var kind: String
        var line: Substring
        /// Its number, from 1, in the old and in the new text.
        var old: Int
        var new: Int
    }

    private static func header(of hunk: ArraySlice<Edit>) -> String {
        let old = hunk.count { $0.kind != "+" }
        let new = hunk.count { $0.kind != "-" }
        return "@@ -\(hunk.first?.old ?? 0),\(old) +\(hunk.first?.new ?? 0),\(new) @@\n"
    }

    private static func edits(from old: String, to new: String) -> [Edit] {
        let old = old.split(separator: "\n", omittingEmptySubsequences: false)
        let new = new.split(separator: "\n", omittingEmptySubsequences: false)
        var removed = Set<Int>()
        var inserted = Set<Int>()
        for change in new.difference(from: old) {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): inserted.insert(offset)
            }
        }
        var edits: [Edit] = []
        var place = (old: 0, new: 0)
        while place.old < old.count || place.new < new.count {
            if place.old < old.count, removed.contains(place.old) {
                edits.append(Edit(kind: "-", line: old[place.old], old: place.old + 1, new: place.new + 1))
                place.old += 1
            } else if place.new < new.count, inserted.contains(place.new) {
                edits.append(Edit(kind: "+", line: new[place.new], old: place.old + 1, new: place.new + 1))
                place.new += 1
            } else {
                edits.append(Edit(kind: " ", line: old[place.old], old: place.old + 1, new: place.new + 1))
                place = (place.old + 1, place.new + 1)
            }
        }
        return edits
    }
}
