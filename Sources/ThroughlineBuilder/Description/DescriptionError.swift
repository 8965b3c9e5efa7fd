/// Why a description of a project is refused. Nothing has been written then.
public struct DescriptionError: Error, Equatable, CustomStringConvertible {
    /// One sentence or two that say what is wrong and what to do.
    public var message: String

    public init(_ message: String) { self.message = message }

    public var description: String { message }
}
