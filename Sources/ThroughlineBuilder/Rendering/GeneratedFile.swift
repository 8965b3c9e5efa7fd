/// A file of a generated project.
public struct GeneratedFile: Equatable, Sendable {
    /// From the project's root, such as `src/app.js`.
    public var path: String
    public var text: String

    public init(path: String, text: String) {
        self.path = path
        self.text = text
    }
}
