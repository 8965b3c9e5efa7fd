import NIOCore

/// The readers of a session, those of one event loop together: a commit wakes each loop once.
struct ReaderGroups: Sendable {
    struct Group: Sendable {
        /// What brings the wake-up there: the mailbox of one of its readers.
        var mailbox: Mailbox
        var readers: [ObjectIdentifier: Subscription] = [:]
    }

    private var groups: [Group] = []

    var isEmpty: Bool { groups.isEmpty }

    /// The groups as they are now.
    var all: [Group] { groups }

    mutating func insert(_ subscription: Subscription) {
        let key = ObjectIdentifier(subscription)
        if let index = index(of: subscription.mailbox) {
            groups[index].readers[key] = subscription
        } else {
            groups.append(Group(mailbox: subscription.mailbox, readers: [key: subscription]))
        }
    }

    /// False if it was not there.
    mutating func remove(_ subscription: Subscription) -> Bool {
        guard let index = index(of: subscription.mailbox),
            groups[index].readers.removeValue(forKey: ObjectIdentifier(subscription)) != nil
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
