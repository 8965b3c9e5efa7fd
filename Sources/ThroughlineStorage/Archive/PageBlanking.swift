import GRDB
import GRDBSQLite
import Glibc
import Synchronization
import ThroughlineCore

/// Sees to it that the main file of the archive holds nothing but what SQLite can still read.
///
/// `secure_delete` overwrites what is deleted, and not what SQLite leaves behind when it moves rows between pages: copies stay in
/// the unused part of a page, between the pointers to its cells and the cells. So each page of a B-tree is blanked there
/// on its way to the file. SQLite's own log is emptied when something is erased, and then no copy is left.
enum PageBlanking {
    /// Comes between a new connection and the file, until the connection is closed.
    static func begin(_ db: Database) throws {
        var pointer: UnsafeMutablePointer<sqlite3_file>?
        let code = sqlite3_file_control(db.sqliteConnection, "main", SQLITE_FCNTL_FILE_POINTER, &pointer)
        guard code == SQLITE_OK, let file = pointer, let methods = file.pointee.pMethods else {
            throw StoreError.failed("SQLite does not say how it writes its file: \(code)")
        }
        file.pointee.pMethods = Methods.over(methods)
    }

    /// The unused part of a page, as offsets in it; `nil` where there is none, or it is no page of a B-tree (SQLite's file format,
    /// section 1.6).
    static func gap(in page: UnsafeRawBufferPointer, at offset: Int) -> Range<Int>? {
        let head = offset == 0 ? 100 : 0
        guard page.count >= 512, offset % page.count == 0 else { return nil }
        let isInner = page[head] == 2 || page[head] == 5
        guard isInner || page[head] == 10 || page[head] == 13 else { return nil }
        let start = head + (isInner ? 12 : 8) + 2 * Int(page.big(UInt16.self, at: head + 3))
        let content = Int(page.big(UInt16.self, at: head + 5))
        let end = content == 0 ? 65536 : content
        return start < end && end <= page.count ? start..<end : nil
    }

    /// In a larger file the first byte of a page with the rest of a long row, which is part of the number of the next one, may
    /// be that of a B-tree's page. Nothing is blanked there.
    fileprivate static let largestFile: sqlite3_int64 = 120 << 30
}

/// The calls of a file of SQLite's, with one of our own among them.
private struct Methods {
    var ours: sqlite3_io_methods
    var theirs: UnsafePointer<sqlite3_io_methods>

    /// One for each way in which SQLite writes files, kept for ever: addresses by addresses.
    private static let known = Mutex<[UInt: UInt]>([:])

    static func over(_ theirs: UnsafePointer<sqlite3_io_methods>) -> UnsafePointer<sqlite3_io_methods> {
        let address = known.withLock { known in
            if let address = known[UInt(bitPattern: theirs)] { return address }
            let methods = UnsafeMutablePointer<Methods>.allocate(capacity: 1)
            methods.initialize(to: Methods(ours: theirs.pointee, theirs: theirs))
            methods.pointee.ours.xWrite = write
            known[UInt(bitPattern: theirs)] = UInt(bitPattern: methods)
            return UInt(bitPattern: methods)
        }
        return UnsafePointer(bitPattern: address)!
    }
}

private func write(
    _ file: UnsafeMutablePointer<sqlite3_file>?, _ bytes: UnsafeRawPointer?, _ count: Int32, _ offset: sqlite3_int64
) -> Int32 {
    let methods = UnsafeRawPointer(file!.pointee.pMethods!).assumingMemoryBound(to: Methods.self)
    let theirs = methods.pointee.theirs.pointee
    let page = UnsafeRawBufferPointer(start: bytes, count: Int(count))
    var size: sqlite3_int64 = 0
    guard let gap = PageBlanking.gap(in: page, at: Int(offset)), theirs.xFileSize(file, &size) == SQLITE_OK,
        size < PageBlanking.largestFile
    else { return theirs.xWrite(file, bytes, count, offset) }
    return withUnsafeTemporaryAllocation(byteCount: page.count, alignment: 8) { copy in
        copy.copyMemory(from: page)
        memset(copy.baseAddress! + gap.lowerBound, 0, gap.count)
        return theirs.xWrite(file, copy.baseAddress, count, offset)
    }
}
