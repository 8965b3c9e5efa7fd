public import ThroughlineCore

/// The contract of ``LogStore`` as checks that any implementation can be put through.
///
/// Each check opens stores of its own with the factory, closes them, and throws a ``StoreConformanceFailure`` that says which
/// sentence of the contract did not hold.
public enum StoreConformance {
    /// How to get stores.
    public struct Factory: Sendable {
        /// Opens a new, empty store.
        public var open: @Sendable () throws -> any LogStore
        /// Closes a store and opens one with the same data; `nil` for a store that keeps nothing.
        public var reopen: (@Sendable (any LogStore) throws -> any LogStore)?

        public init(
            open: @escaping @Sendable () throws -> any LogStore,
            reopen: (@Sendable (any LogStore) throws -> any LogStore)? = nil
        ) {
            self.open = open
            self.reopen = reopen
        }
    }

    /// One sentence of the contract.
    public struct Check: Sendable, CustomStringConvertible {
        public var description: String
        var body: @Sendable (Factory) throws -> Void

        init(_ description: String, _ body: @escaping @Sendable (Factory) throws -> Void) {
            self.description = description
            self.body = body
        }

        public func run(_ factory: Factory) throws { try body(factory) }

        /// A check of one open store.
        static func on(
            _ description: String, _ body: @escaping @Sendable (any LogStore) throws -> Void
        ) -> Check {
            Check(description) { factory in
                let store = try factory.open()
                defer { store.close() }
                try body(store)
            }
        }

        /// A check before and after a restart, for stores that persist.
        static func acrossRestart(
            _ description: String, _ before: @escaping @Sendable (any LogStore) throws -> Void,
            then after: @escaping @Sendable (any LogStore) throws -> Void
        ) -> Check {
            Check(description) { factory in
                let store = try factory.open()
                do { try before(store) } catch {
                    store.close()
                    throw error
                }
                guard let reopen = factory.reopen else { return store.close() }
                let second = try reopen(store)
                defer { second.close() }
                try after(second)
            }
        }
    }

    /// All checks.
    public static let checks =
        appendChecks + readChecks + eraseChecks + trimChecks + checkpointChecks + restartChecks
        + [1, 2, 3, 4].map { seed in
            Check("random operations, seed \(seed), do what the model does") { try random(seed: seed, $0) }
        }
}

/// A sentence of the contract that did not hold.
public struct StoreConformanceFailure: Error, CustomStringConvertible {
    public var description: String
}

func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
    if !condition { throw StoreConformanceFailure(description: message()) }
}

func require<Value: Equatable>(_ value: Value, is expected: Value, _ what: String) throws {
    try require(value == expected, "\(what): expected \(expected), got \(value)")
}
