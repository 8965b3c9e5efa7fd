/// A value that is seldom there, and takes the room of a pointer where it is not: there may be a hundred thousand of what holds it.
@propertyWrapper public struct Rare<Value: Hashable & Sendable>: Hashable, Sendable {
    private final class Storage: Sendable {
        let value: Value
        init(_ value: Value) { self.value = value }
    }

    private var storage: Storage?

    public init(wrappedValue: Value?) { storage = wrappedValue.map { Storage($0) } }

    public var wrappedValue: Value? {
        get { storage?.value }
        set { storage = newValue.map { Storage($0) } }
    }

    public static func == (one: Self, other: Self) -> Bool { one.wrappedValue == other.wrappedValue }
    public func hash(into hasher: inout Hasher) { hasher.combine(wrappedValue) }
}
