/// What a command is going to do to the files of a project, decided before anything is written.
public struct Plan: Equatable, Sendable {
    /// What happens to one file.
    public enum Action: String, Sendable {
        case create
        case update
        /// The owner's edits and the builder's changes, together.
        case merge
        /// The same, where both changed the same lines: markers show them.
        case conflict
        case delete
    }

    public struct Change: Equatable, Sendable {
        public var path: String
        public var action: Action
        /// Nil if the file is not there.
        public var before: String?
        /// Nil if the file goes.
        public var after: String?
        /// What the builder made the file of before, and makes it of from now on: kept to merge the next time.
        public var baseBefore: String?
        public var baseAfter: String?
    }

    public var changes: [Change] = []
    /// Files that would go, but for what their owner wrote into them.
    public var refused: [String] = []

    public var conflicts: [String] { changes.filter { $0.action == .conflict }.map(\.path) }

    /// Whether any file changes, and not just what is known of it.
    public var isEmpty: Bool { changes.allSatisfy { $0.before == $0.after } }

    /// Plans how the files on disk become the generated ones.
    ///
    /// - Parameters:
    ///   - generated: Every file that the project should have.
    ///   - known: The paths that were generated before. One that is not generated any more is deleted, unless it was edited.
    ///   - base: What was generated last at a path.
    ///   - disk: What is there now.
    public init(
        generated: [GeneratedFile], known: [String], base: (String) -> String?, disk: (String) -> String?
    ) {
        for file in generated {
            let change = Plan.change(of: file, base: base(file.path), disk: disk(file.path))
            if let change { changes.append(change) }
        }
        let paths = Set(generated.map(\.path))
        for path in known.sorted() where !paths.contains(path) {
            let (base, disk) = (base(path), disk(path))
            if let disk, disk != base {
                refused.append(path)
            } else {
                changes.append(
                    Change(path: path, action: .delete, before: disk, after: nil, baseBefore: base, baseAfter: nil))
            }
        }
    }

    /// Adds files that nobody generates again: migrations.
    public mutating func add(_ files: [GeneratedFile]) {
        changes += files.map {
            Change(path: $0.path, action: .create, before: nil, after: $0.text, baseBefore: nil, baseAfter: nil)
        }
    }

    private static func change(of file: GeneratedFile, base: String?, disk: String?) -> Change? {
        func change(_ action: Action, _ after: String) -> Change? {
            if after == disk, base == file.text { return nil }
            return Change(
                path: file.path, action: action, before: disk, after: after, baseBefore: base, baseAfter: file.text)
        }
        guard let disk else {
            // A file that its owner deleted stays deleted, until the builder would write it differently.
            return base == file.text ? nil : change(.create, file.text)
        }
        if disk == file.text || disk == base || file.path == ProjectFile.name { return change(.update, file.text) }
        if base == file.text { return nil }
        let merge = ThreeWayMerge(base: base ?? "", owner: disk, builder: file.text)
        return change(merge.conflicts > 0 ? .conflict : .merge, merge.text)
    }
}
