import ThroughlineStorage

/// A fault in the server itself, put in from outside: the simulator has to notice each of them.
package enum Mutation: String, CaseIterable, Sendable {
    /// The log is not synchronized.
    case noLogSync = "no-log-sync"
    /// SQLite's files are not synchronized.
    case noArchiveSync = "no-archive-sync"
    /// Names of new files are not synchronized.
    case noFolderSync = "no-folder-sync"
    /// Appends are acknowledged before they are durable.
    case earlyAcknowledgement = "early-acknowledgement"
    /// The store drops the notes that make a repeated write harmless across a restart.
    case lostNotes = "lost-notes"
    /// A repeated input is not recognised.
    case noInputDedup = "no-input-dedup"
    /// Segments are not zeroed, so that erased bytes stay.
    case noZeroing = "no-zeroing"
    /// The unused parts of SQLite's pages are not blanked, so that erased bytes stay.
    case noBlanking = "no-blanking"
    /// A reader is given a step twice.
    case doubledDelivery = "doubled-delivery"
    /// One whose answer to a request came too late is told that it counts.
    case requestWonTwice = "request-won-twice"
    /// A write of an agent whose lease is over is taken as one of the agent that has the run now.
    case fencedWrite = "fenced-write"
    /// A run that is handed on is begun again without its inputs.
    case lostAtHandOn = "lost-at-hand-on"
    /// A reader's going away stops the runs.
    case stopAtDisconnect = "stop-at-disconnect"

    func skipsSynchronize(of path: String) -> Bool {
        switch self {
        case .noLogSync: path.hasSuffix(".log")
        case .noArchiveSync: path.contains("archive.sqlite")
        default: false
        }
    }
}

extension Mutation? {
    func fileSystem(_ files: FileSystem) -> FileSystem {
        guard self == .noZeroing else { return files }
        var files = files
        let write = files.write
        files.write = { descriptor, bytes, offset throws(SystemCallError) in
            // A file that is new is zero already.
            if bytes.contains(where: { $0 != 0 }) { try write(descriptor, bytes, offset) }
        }
        return files
    }

    func store(_ store: EmbeddedLogStore) -> MutantStore? {
        switch self {
        case .earlyAcknowledgement: MutantStore(store, .earlyAcknowledgement)
        case .lostNotes: MutantStore(store, .lostNotes)
        case .lostAtHandOn: MutantStore(store, .lostAtHandOn)
        default: nil
        }
    }
}
