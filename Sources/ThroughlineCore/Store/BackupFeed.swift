/// The bytes of a backup, pulled piece by piece.
public struct BackupFeed: Sendable {
    /// The next bytes; `nil` at the end. Blocks while it reads. One call at a time.
    public var next: @Sendable () throws(StoreError) -> [UInt8]?
    /// Ends it, wherever it is. May be called more than once.
    public var close: @Sendable () -> Void

    public init(
        next: @escaping @Sendable () throws(StoreError) -> [UInt8]?, close: @escaping @Sendable () -> Void
    ) {
        self.next = next
        self.close = close
    }
}
