import ThroughlineCore

/// What somebody who is there says of what they do.
public struct PresenceWord: Sendable {
    public var isTyping: Bool?
    /// What they look at, in words of their client: the id of a message, say. Empty: nothing.
    public var viewing: String?

    public init(isTyping: Bool? = nil, viewing: String? = nil) {
        self.isTyping = isTyping
        self.viewing = viewing
    }

    /// Bytes of `viewing`.
    public static let maximumViewing = 256
}

/// The times and sizes of presence.
enum PresenceLimits {
    /// Who is gone for less has not been away for others.
    static let graceMilliseconds: Int64 = 10_000
    /// Who only says so, without reading, is there for so long.
    static let saidMilliseconds: Int64 = 30_000
    static let typingMilliseconds: Int64 = 6_000
    /// Those who are there beyond so many are not listed.
    static let entries = 256
    /// No two frames of a session closer than this, and than one for each reader who gets them.
    static let paceMilliseconds: Int64 = 250
}

/// Somebody on one device.
struct PresenceKey: Hashable, Sendable {
    var id: String
    var role: Participant.Role
    var device: String?

    init(_ participant: Participant) {
        id = participant.id
        role = participant.role
        device = participant.device
    }
}

/// Who is in a session. It is never stored, and forgotten with the server.
struct PresenceBoard {
    private struct Entry {
        var since: Timestamp
        var readers: Set<ObjectIdentifier> = []
        /// Not there any longer from this time of the monotonic clock on; while somebody reads, never.
        var until: Int64?
        var typingUntil: Int64?
        var viewing: String?
        /// The last event that was seen.
        var read: SequenceNumber?
    }

    private var entries: [PresenceKey: Entry] = [:]
    private var order: [PresenceKey] = []
    /// The readers who are users or operators.
    private var viewers: Set<ObjectIdentifier> = []
    /// Until when somebody of those has said to be here.
    private var saidUntil: Int64?
    /// The readers who want to be told.
    private var watchers: [ObjectIdentifier: WeakWatcher] = [:]
    /// The lines as they were told last.
    private var told: [UInt8] = []
    private var toldAt = Int64.min
    /// The agents' lines, which come from elsewhere.
    var agents: [UInt8] = []
    private var isDirty = true

    var isEmpty: Bool { entries.isEmpty && watchers.isEmpty && viewers.isEmpty && saidUntil == nil }
    var hasWatchers: Bool { !watchers.isEmpty }
    var allWatchers: [any PresenceWatcher] { watchers.values.compactMap(\.watcher) }

    /// A reader that nobody holds any longer takes itself away.
    private struct WeakWatcher: Sendable {
        weak var watcher: (any PresenceWatcher)?
    }

    mutating func arrive(
        _ participant: Participant, read: SequenceNumber?, reader: ObjectIdentifier, _ now: EngineTime
    ) {
        if participant.isViewer { viewers.insert(reader) }
        change(participant, now) {
            $0.read = $0.read ?? read
            $0.readers.insert(reader)
            $0.until = nil
        }
    }

    mutating func leave(_ participant: Participant, reader: ObjectIdentifier, _ now: EngineTime) {
        watchers[reader] = nil
        viewers.remove(reader)
        guard var entry = entries[PresenceKey(participant)], entry.readers.remove(reader) != nil else { return }
        if entry.readers.isEmpty { entry.until = now.monotonic + PresenceLimits.graceMilliseconds }
        entries[PresenceKey(participant)] = entry
    }

    mutating func say(_ word: PresenceWord, by participant: Participant, _ now: EngineTime) {
        if participant.isViewer { saidUntil = now.monotonic + PresenceLimits.saidMilliseconds }
        change(participant, now) {
            if $0.readers.isEmpty { $0.until = now.monotonic + PresenceLimits.saidMilliseconds }
            if let isTyping = word.isTyping {
                $0.typingUntil = isTyping ? now.monotonic + PresenceLimits.typingMilliseconds : nil
            }
            if let viewing = word.viewing { $0.viewing = viewing.isEmpty ? nil : viewing }
        }
    }

    /// Somebody who is there has seen more.
    mutating func mark(_ read: SequenceNumber, by participant: Participant) {
        guard entries[PresenceKey(participant)] != nil else { return }
        entries[PresenceKey(participant)]?.read = read
        isDirty = true
    }

    mutating func watch(_ watcher: any PresenceWatcher, as reader: ObjectIdentifier) {
        watchers[reader] = WeakWatcher(watcher: watcher)
        told = []
        isDirty = true
    }

    private mutating func change(_ participant: Participant, _ now: EngineTime, _ change: (inout Entry) -> Void) {
        let key = PresenceKey(participant)
        if entries[key] == nil {
            guard entries.count < PresenceLimits.entries else { return }
            entries[key] = Entry(since: now.wall)
            order.append(key)
        }
        change(&entries[key]!)
        isDirty = true
    }

    /// Takes away who is gone, and what is over.
    mutating func expire(_ now: Int64) {
        for (key, entry) in entries {
            if let until = entry.until, until <= now {
                entries[key] = nil
                order.removeAll { $0 == key }
                isDirty = true
            } else if let typing = entry.typingUntil, typing <= now {
                entries[key]?.typingUntil = nil
                isDirty = true
            }
        }
    }

    /// Whether a user or an operator reads, or has just said to be here. Without the grace of the list: who wants something to
    /// happen when nobody watches says after what time.
    func isWatched(_ now: Int64) -> Bool { !viewers.isEmpty || saidUntil.map { $0 > now } ?? false }

    /// Forgets who has said to be here and has not said it again. True if there was somebody.
    mutating func forgetSaid(_ now: Int64) -> Bool {
        guard let until = saidUntil, until <= now else { return false }
        saidUntil = nil
        return true
    }

    /// The list to tell the watchers, where it differs from the last and the pace allows it.
    mutating func news(_ now: Int64) -> [UInt8]? {
        let pace = max(PresenceLimits.paceMilliseconds, Int64(watchers.count))
        guard !watchers.isEmpty, isDirty, now - pace >= toldAt else { return nil }
        isDirty = false
        let list = list
        guard list != told else { return nil }
        told = list
        toldAt = now
        return list
    }

    mutating func setAgents(_ lines: [UInt8]) {
        guard lines != agents else { return }
        agents = lines
        isDirty = true
    }

    /// A JSON array: people in the order in which they came, then agents.
    var list: [UInt8] {
        var writer = JSONWriter()
        writer.array(order) { writer, key in
            guard let entry = entries[key] else { return writer.null() }
            writer.object {
                $0.field("id", key.id)
                $0.field("role", key.role.rawValue)
                $0.field("device", key.device)
                $0.field("since", entry.since.rawValue)
                if entry.typingUntil != nil {
                    $0.key("typing")
                    $0.boolean(true)
                }
                $0.field("viewing", entry.viewing)
                if let read = entry.read { $0.field("read", read.rawValue) }
            }
        }
        guard agents.count > 2 else { return writer.bytes }
        let people = writer.bytes
        return Array(people.dropLast()) + (people.count > 2 ? [UInt8(ascii: ",")] : []) + agents.dropFirst()
    }
}

/// A reader who is told who is there. Called on any thread.
public protocol PresenceWatcher: AnyObject, Sendable {
    /// - Parameter list: A JSON array.
    func presenceChanged(_ list: [UInt8])
}

extension Participant {
    /// Whether somebody watches when this one reads.
    fileprivate var isViewer: Bool { role == .user || role == .operator }
}
