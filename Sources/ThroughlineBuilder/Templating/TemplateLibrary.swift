import Foundation

/// Where templates come from: the project's own first, then the builder's.
public struct TemplateLibrary: Sendable {
    private let override: @Sendable (String) -> String?

    /// - Parameter override: The text of the project's own template of this name, such as `express/src/app.js.template`.
    public init(override: @escaping @Sendable (String) -> String? = { _ in nil }) {
        self.override = override
    }

    /// - Throws: ``DescriptionError`` if there is no such template, or it cannot be read as one.
    func template(_ name: String) throws(DescriptionError) -> Template {
        try Template(text(name), name: name)
    }

    private func text(_ name: String) throws(DescriptionError) -> String {
        if let text = override(name) { return text }
        if let text = TemplateLibrary.builtIn(name) { return text }
        throw DescriptionError("There is no template ‘\(name)’.")
    }

    /// The builder's own template of this name.
    public static func builtIn(_ name: String) -> String? {
        guard let folder = Bundle.module.resourceURL?.appendingPathComponent("Templates") else { return nil }
        return try? String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
    }
}
