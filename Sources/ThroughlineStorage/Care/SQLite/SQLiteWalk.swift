/// Goes through the trees of a database page by page, tolerates what is damaged, and remembers what it has seen.
///
/// A page is a leaf or an interior page of a table (13, 5) or of an index (10, 2); a row that is too long for its page goes
/// on in a chain of overflow pages. See "Database File Format" of SQLite's documentation.
struct SQLiteWalk {
    struct Place: Hashable {
        var file: String
        var offset: Int
    }

    struct Problem {
        var place: Place
        var text: String
    }

    /// What stands on a leaf of a table, or anywhere in an index.
    struct Cell {
        /// Zero in an index.
        var rowid: Int64
        var record: SQLiteRecord
        var place: Place
        /// The first page that the row goes on at, when it is too long for its own.
        var overflow: Place?
    }

    let pages: SQLitePages
    private(set) var problems: [Problem] = []
    private(set) var seen: Set<Int> = []
    private var isIndex = false
    /// Of the payload that was read last.
    private var overflow: Place?
    private let maximumDepth = 40

    init(_ pages: SQLitePages) { self.pages = pages }

    /// Calls `body` with every cell of a tree that can be read.
    mutating func tree(at root: Int, isIndex: Bool, _ body: (Cell) -> Void) {
        self.isIndex = isIndex
        descend(root, from: pages.place(of: root), depth: 0, body)
    }

    /// The cells of a leaf of a table that belongs to no tree any more. False when it is no such page.
    mutating func orphan(_ number: Int, _ body: (Cell) -> Void) -> Bool {
        guard let page = pages.page(number), page.bytes[start(number)] == 13 else { return false }
        seen.insert(number)
        isIndex = false
        leaf(page, number, body)
        return true
    }

    /// The unused pages, as the header's list has them.
    mutating func freeList(from first: Int, count: Int) {
        var (trunk, found) = (first, 0)
        while trunk != 0 {
            guard let page = pages.page(trunk), seen.insert(trunk).inserted else {
                return problem(pages.place(of: trunk), "the list of unused pages is broken")
            }
            let (next, leaves) = page.bytes.withUnsafeBytes { bytes in
                let count = min(Int(bytes.big(UInt32.self, at: 4)), (bytes.count - 8) / 4)
                return (
                    Int(bytes.big(UInt32.self, at: 0)), (0..<count).map { Int(bytes.big(UInt32.self, at: 8 + 4 * $0)) }
                )
            }
            for leaf in leaves where leaf > pages.pageCount || leaf < 1 || !seen.insert(leaf).inserted {
                problem(page.place, "the list of unused pages names page \(leaf)")
            }
            found += 1 + leaves.count
            trunk = next
        }
        if found != count { problem(pages.place(of: 1), "\(count) unused pages are noted and \(found) are there") }
    }

    private func start(_ number: Int) -> Int { number == 1 ? SQLitePages.headerSize : 0 }

    private mutating func problem(_ place: Place, _ text: String) { problems.append(Problem(place: place, text: text)) }

    private mutating func descend(_ number: Int, from parent: Place, depth: Int, _ body: (Cell) -> Void) {
        guard number >= 1, number <= pages.pageCount, depth < maximumDepth else {
            return problem(parent, "it points to page \(number), which is not there")
        }
        guard seen.insert(number).inserted else {
            return problem(parent, "it points to page \(number), as another does")
        }
        guard let page = pages.page(number) else {
            return problem(pages.place(of: number), "page \(number) cannot be read")
        }
        switch (page.bytes[start(number)], isIndex) {
        case (13, false), (10, true): leaf(page, number, body)
        case (5, false), (2, true): interior(page, number, depth, body)
        default: problem(page.place, "page \(number) is not of the kind that belongs here")
        }
    }

    private mutating func leaf(_ page: SQLitePages.Page, _ number: Int, _ body: (Cell) -> Void) {
        var before: Int64?
        for offset in cellOffsets(page, number, headerSize: 8) {
            guard let cell = cell(page, at: offset, skip: 0) else { continue }
            if !isIndex, let before, cell.rowid <= before {
                problem(page.place, "the rows of page \(number) are not in order")
            }
            before = cell.rowid
            body(cell)
        }
    }

    private mutating func interior(_ page: SQLitePages.Page, _ number: Int, _ depth: Int, _ body: (Cell) -> Void) {
        for offset in cellOffsets(page, number, headerSize: 12) {
            let child = page.bytes.withUnsafeBytes { Int($0.big(UInt32.self, at: offset)) }
            descend(child, from: page.place, depth: depth + 1, body)
            if isIndex, let cell = cell(page, at: offset, skip: 4) { body(cell) }
        }
        let last = page.bytes.withUnsafeBytes { Int($0.big(UInt32.self, at: start(number) + 8)) }
        descend(last, from: page.place, depth: depth + 1, body)
    }

    private mutating func cellOffsets(_ page: SQLitePages.Page, _ number: Int, headerSize: Int) -> [Int] {
        let (offsets, isGood) = page.bytes.withUnsafeBytes { bytes -> ([Int], Bool) in
            let pointers = start(number) + headerSize
            let count = Int(bytes.big(UInt16.self, at: start(number) + 3))
            let fitting = min(count, (pages.usable - pointers) / 2)
            let all = (0..<fitting).map { Int(bytes.big(UInt16.self, at: pointers + 2 * $0)) }
            let good = all.filter { $0 >= pointers + 2 * fitting && $0 + 4 <= pages.usable }
            return (good, good.count == count)
        }
        if !isGood { problem(page.place, "page \(number) has places of rows that lie outside it") }
        return offsets
    }

    /// Reads a cell and what of it stands on overflow pages.
    private mutating func cell(_ page: SQLitePages.Page, at offset: Int, skip: Int) -> Cell? {
        let place = Place(file: page.file, offset: page.offset + offset)
        let head: (length: Int, rowid: Int64, start: Int)? = page.bytes.withUnsafeBytes { bytes in
            guard let length = bytes.varint(at: offset + skip), length.value <= 1 << 30 else { return nil }
            if isIndex { return (Int(length.value), 0, length.end) }
            guard let rowid = bytes.varint(at: length.end) else { return nil }
            return (Int(length.value), Int64(bitPattern: rowid.value), rowid.end)
        }
        guard let head, let payload = payload(page, head.length, at: head.start), let record = SQLiteRecord(payload)
        else {
            problem(place, "a row cannot be read")
            return nil
        }
        return Cell(rowid: head.rowid, record: record, place: place, overflow: overflow)
    }

    private mutating func payload(_ page: SQLitePages.Page, _ length: Int, at start: Int) -> [UInt8]? {
        let local = localLength(length)
        guard start + local + (local < length ? 4 : 0) <= pages.usable else { return nil }
        var payload = Array(page.bytes[start..<start + local])
        overflow = nil
        guard local < length else { return payload }
        var next = page.bytes.withUnsafeBytes { Int($0.big(UInt32.self, at: start + local)) }
        while payload.count < length {
            guard next <= pages.pageCount, seen.insert(next).inserted, let page = pages.page(next) else { return nil }
            overflow = overflow ?? page.place
            payload += page.bytes[4..<min(pages.usable, 4 + length - payload.count)]
            next = page.bytes.withUnsafeBytes { Int($0.big(UInt32.self, at: 0)) }
        }
        return next == 0 ? payload : nil
    }

    /// How much of a payload stands on the page itself.
    private func localLength(_ length: Int) -> Int {
        let maximum = isIndex ? (pages.usable - 12) * 64 / 255 - 23 : pages.usable - 35
        if length <= maximum { return length }
        let minimum = (pages.usable - 12) * 32 / 255 - 23
        let local = minimum + (length - minimum) % (pages.usable - 4)
        return local <= maximum ? local : minimum
    }
}

extension SQLitePages.Page {
    var place: SQLiteWalk.Place { .init(file: file, offset: offset) }
}

extension SQLitePages {
    /// Where a page stands, or would stand.
    func place(of number: Int) -> SQLiteWalk.Place {
        if let page = page(number) { return page.place }
        return .init(file: name, offset: max(0, number - 1) * pageSize)
    }
}
