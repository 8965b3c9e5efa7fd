import Foundation

/// The description of a project as its file `throughline.json`, which may be edited by hand.
public enum ProjectFile {
    public static let name = "throughline.json"

    public static func text(of project: Project) -> String {
        let resources = project.resources.map { resource -> JSONValue in
            [
                "name": .string(resource.singular.camel),
                "plural": .string(resource.plural.camel),
                "fields": .array(resource.fields.map { .string(FieldGrammar.text(of: $0)) }),
            ]
        }
        var file: [(String, JSONValue)] = [
            ("name", .string(project.name)),
            ("target", .string(project.target.rawValue)),
            ("database", .string(project.database.rawValue)),
        ]
        if project.auth != .none { file.append(("auth", .string(project.auth.rawValue))) }
        if project.hasSessions { file.append(("sessions", true)) }
        file.append(("resources", .array(resources)))
        return JSONValue(file).pretty
    }

    /// - Throws: ``DescriptionError`` if the text is no description.
    public static func read(_ text: String) throws(DescriptionError) -> Project {
        let contents: Contents
        do {
            contents = try JSONDecoder().decode(Contents.self, from: Data(text.utf8))
        } catch {
            throw DescriptionError("\(name) cannot be read: \(explain(error))")
        }
        guard let target = Project.Target(rawValue: contents.target) else {
            throw DescriptionError("\(name): there is no target ‘\(contents.target)’.")
        }
        guard let database = Project.Database(rawValue: contents.database) else {
            throw DescriptionError("\(name): there is no database ‘\(contents.database)’.")
        }
        guard let auth = Project.Auth(rawValue: contents.auth ?? Project.Auth.none.rawValue) else {
            throw DescriptionError("\(name): there is no auth ‘\(contents.auth ?? "")’.")
        }
        var project = try Project(
            name: contents.name, target: target, database: database, auth: auth, hasSessions: contents.sessions ?? false
        )
        for resource in contents.resources {
            var fields: [Field] = []
            for field in resource.fields { fields.append(try FieldGrammar.parse(field)) }
            project.resources.append(try Resource(resource.name, plural: resource.plural, fields: fields))
        }
        project.findRelations()
        try project.validate()
        return project
    }

    private static func explain(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "‘\(key.stringValue)’ is missing."
        case DecodingError.typeMismatch(_, let context): "\(path(context)) is of the wrong kind."
        case DecodingError.valueNotFound(_, let context): "\(path(context)) is null."
        default: "it is not JSON."
        }
    }

    private static func path(_ context: DecodingError.Context) -> String {
        context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
    }

    private struct Contents: Decodable {
        var name: String
        var target: String
        var database: String
        var auth: String?
        var sessions: Bool?
        var resources: [ResourceContents]
    }

    private struct ResourceContents: Decodable {
        var name: String
        var plural: String?
        var fields: [String]
    }
}
