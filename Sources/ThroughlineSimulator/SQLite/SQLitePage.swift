/// What the oracle has to know of SQLite's pages (file format, section 1.6).
enum SQLitePage {
    private static let bytes = 4_096
    private static let kinds: Set<UInt8> = [2, 5, 10, 13]

    /// Whether a place lies between the cell pointers and the cells of a B-tree page. SQLite leaves there what it has moved to
    /// another page, in spite of `secure_delete`: a known weakness, see docs/simulator.md.
    static func isUnused(_ place: Int, _ file: [UInt8]) -> Bool {
        let start = place / bytes * bytes
        let head = start == 0 ? 100 : start
        guard head + 8 <= file.count, kinds.contains(file[head]) else { return false }
        let cells = Int(file[head + 3]) << 8 | Int(file[head + 4])
        let content = Int(file[head + 5]) << 8 | Int(file[head + 6])
        let pointers = head + (file[head] > 5 ? 8 : 12)
        return place >= pointers + 2 * cells && place < start + content
    }
}
