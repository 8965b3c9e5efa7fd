/// What an API project is made of. Everything that the builder writes follows from it.
public struct Project: Equatable, Sendable {
    /// The language and the framework of the generated code.
    public enum Target: String, CaseIterable, Sendable {
        case hummingbird
        case express
    }

    /// Where the generated API keeps its items.
    public enum Database: String, CaseIterable, Sendable {
        case memory
        case postgres
    }

    /// Who may use the generated API.
    public enum Auth: String, CaseIterable, Sendable {
        /// Everybody.
        case none
        /// Who has a bearer token. An item belongs to whom it was created by.
        case jwt
    }

    public var name: String
    public var target: Target
    public var database: Database
    public var auth: Auth
    /// It has conversations, whose sessions are kept by a Throughline server.
    public var hasSessions: Bool
    /// In the order in which they were added: a relation leads to an earlier one, or to its own.
    public var resources: [Resource]

    /// - Throws: ``DescriptionError`` if the name cannot name a folder, a package and a database.
    public init(
        name: String, target: Target, database: Database, auth: Auth = .none, hasSessions: Bool = false,
        resources: [Resource] = []
    ) throws(DescriptionError) {
        guard Project.isLegal(name) else {
            throw DescriptionError(
                "‘\(name)’ cannot name a project: it has 1 to 40 letters a-z, digits and hyphens, and begins with a letter."
            )
        }
        self.name = name
        self.target = target
        self.database = database
        self.auth = auth
        self.hasSessions = hasSessions
        self.resources = resources
    }

    private static func isLegal(_ name: String) -> Bool {
        guard let first = name.utf8.first, (0x61...0x7A).contains(first), name.utf8.count <= 40 else { return false }
        return name.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
    }
}

extension Project {
    /// The resources as they are kept: with the fields that the API sets itself.
    public var keptResources: [Resource] {
        guard auth == .jwt else { return resources }
        return resources.map { resource in
            var resource = resource
            resource.fields.append(.owner)
            return resource
        }
    }

    /// The resource that is written so: `user`, `users`, `blogPost`, `blog-posts`.
    public func resource(named name: String) -> Resource? {
        let words = Words(name)
        return resources.first { $0.singular == words || $0.plural == words }
    }

    /// The same project with one resource more, or with another version of one that it has.
    ///
    /// - Throws: ``DescriptionError`` if the resource clashes with another or a relation of it leads nowhere.
    public func adding(_ resource: Resource) throws(DescriptionError) -> Project {
        var project = self
        if let index = resources.firstIndex(where: { $0.singular == resource.singular }) {
            project.resources[index] = resource
        } else {
            project.resources.append(resource)
        }
        project.findRelations()
        try project.validate()
        return project
    }

    /// Lets relations lead to resources whose plural is not what the rules of English say: `plant:cactus`, `plant:cacti`.
    mutating func findRelations() {
        var tables: [String: String] = [:]
        for resource in resources {
            for words in [resource.singular, resource.plural] { tables[words.singular.plural.snake] = resource.table }
        }
        for resource in resources { tables[resource.table] = resource.table }
        for index in resources.indices {
            resources[index].fields = resources[index].fields.map { field in
                guard case .relation(let name, let onDelete) = field.type, let table = tables[name] else {
                    return field
                }
                var field = field
                field.type = .relation(table: table, onDelete: onDelete)
                return field
            }
        }
    }

    /// The same project without one resource.
    ///
    /// - Throws: ``DescriptionError`` if another resource refers to it.
    public func removing(_ resource: Resource) throws(DescriptionError) -> Project {
        var project = self
        project.resources.removeAll { $0.singular == resource.singular }
        for other in project.resources where other.relations.contains(where: { $0.target == resource.table }) {
            throw DescriptionError(
                "\(other.plural.spaced) refer to \(resource.plural.spaced). Destroy \(other.singular.camel) first.")
        }
        return project
    }

    /// Checks what no resource can check alone.
    public func validate() throws(DescriptionError) {
        var known = Set<String>()
        var names = Set<String>()
        var types = Set<String>()
        for resource in resources {
            guard types.insert(resource.type).inserted else {
                throw DescriptionError("There is a resource whose type is called \(resource.type) already.")
            }
            for name in Set([resource.singular.joined, resource.plural.joined]) where !names.insert(name).inserted {
                throw DescriptionError("There is a resource ‘\(name)’ already.")
            }
            known.insert(resource.table)
            for relation in resource.relations {
                guard known.contains(relation.target) else {
                    let name = Words(relation.target).singular.snake
                    if let near = FieldGrammar.nearestType(to: name) {
                        throw DescriptionError(
                            "There is no type ‘\(name)’ for ‘\(relation.field.name)’. Did you mean \(near)?")
                    }
                    throw DescriptionError(
                        "‘\(relation.field.name)’ of \(resource.singular.camel) leads to ‘\(relation.target)’, which is no resource"
                            + " before it. Known: \(known.sorted().joined(separator: ", ")).")
                }
                if relation.target == resource.table, !relation.field.isOptional {
                    throw DescriptionError(
                        "‘\(relation.field.name)’ leads to its own resource, so it has to be optional: the first has none."
                    )
                }
            }
        }
        if hasSessions { try validateSessions() }
    }
}
