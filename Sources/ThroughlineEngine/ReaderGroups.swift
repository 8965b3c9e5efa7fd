import NIOCore

/// What is woken by a commit, on its mailbox's loop.
protocol WakingReader: AnyObject, Sendable {
    var mailbox: Mailbox { get }
    var wake: @Sendable () -> Void { get }
}

/// The readers of a session or a stream, those of one event loop together: a commit wakes each loop once.
struct ReaderGroups<Reader: WakingReader>: Sendable {
    struct Group: Sendable {
        /// What brings the wake-up there: the mailbox of one of its readers.
        var mailbox: Mailbox
        var readers: [ObjectIdentifier: Reader] = [:]
    }

    private var groups: [Group] = []

    var isEmpty: Bool { groups.isEmpty }

    /// The groups as they are now.
    var all: [Group] { groups }

    mutating func insert(_ reader: Reader) {
        let key = ObjectIdentifier(reader)
        if let index = index(of: reader.mailbox) {
            groups[index].readers[key] = reader
        } else {
            groups.append(Group(mailbox: reader.mailbox, readers: [key: reader]))
        }
    }

    /// False if it was not there.
    mutating func remove(_ reader: Reader) -> Bool {
        guard let index = index(of: reader.mailbox),
            groups[index].readers.removeValue(forKey: ObjectIdentifier(reader)) != nil
        else { return false }
        if groups[index].readers.isEmpty { groups.remove(at: index) }
        return true
    }

    /// Readers without a loop, those of tasks, are each a group of their own.
    private func index(of mailbox: Mailbox) -> Int? {
        groups.firstIndex { group in
            if let loop = mailbox.loop { return group.mailbox.loop === loop }
            return group.mailbox === mailbox
        }
    }
}
