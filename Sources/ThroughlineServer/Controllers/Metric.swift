/// One line of `/metrics`, with what it means.
public struct Metric: Sendable {
    public var name: String
    public var help: String
    /// `counter` or `gauge`.
    public var kind: String
    public var value: Int

    public init(name: String, help: String, kind: String, value: Int) {
        self.name = name
        self.help = help
        self.kind = kind
        self.value = value
    }
}
