/// What the templates are filled with. `docs/rest-builder.md` lists it for those who write their own.
enum TemplateContext {
    static func values(of project: Project) -> TemplateValues {
        [
            "project": .text(project.name),
            "projectType": .text(Words(project.name).pascal),
            "projectSnake": .text(Words(project.name).snake),
            "postgres": .flag(project.database == .postgres),
            "auth": .flag(project.auth == .jwt),
            "sessions": .flag(project.hasSessions),
            "hasSecrets": .flag(project.auth == .jwt || project.hasSessions),
            "hasConversationTitle": .flag(project.resources.contains { project.isConversation($0) && $0.hasTitle }),
            "bearer": .text(project.auth == .jwt ? " -H \"Authorization: Bearer $TOKEN\"" : ""),
            "libraries": .text(libraries(of: project).joined(separator: " ")),
            "hasLibraries": .flag(!libraries(of: project).isEmpty),
            "newConversation": .text(
                project.resources.first(where: project.isConversation).map {
                    Samples.smallestBody(of: $0, in: project).compact
                } ?? ""),
            "usage": .text(usage(of: project)),
            "hasResources": .flag(!project.resources.isEmpty),
            "usesUUIDs": .flag(project.uses { $0 == .uuid }),
            "usesDays": .flag(project.uses { $0 == .date || $0 == .datetime }),
            "resources": .list(project.resources.map { values(of: $0, in: project) }),
        ]
    }

    static func values(of resource: Resource, in project: Project) -> TemplateValues {
        return [
            "name": .text(resource.singular.camel),
            "type": .text(resource.type),
            "types": .text(resource.plural.pascal),
            "plural": .text(resource.plural.camel),
            "table": .text(resource.table),
            "path": .text(resource.path),
            "singularFile": .text(resource.singular.kebab),
            "singularWords": .text(resource.singular.spaced),
            "pluralWords": .text(resource.plural.spaced),
            "article": .text("aeio".contains(resource.singular.camel.first ?? " ") ? "An" : "A"),
            "controller": .text(resource.plural.camel.asJavaScript),
            "controllerFactory": .text(resource.plural.camel + "Controller"),
            "swiftPlural": .text(resource.swiftPlural),
            "choices": .list(resource.fields.compactMap { $0.choices }),
            "routesFactory": .text(resource.plural.camel + "Routes"),
            "store": .text("store" + (project.auth == .jwt ? ".for(request)" : "")),
            "newStore": .text(project.auth == .jwt ? "barrier.store()" : "Store(in: database)"),
            "swiftStore": .text(
                resource.swiftPlural + (project.auth == .jwt ? ".for(context)" : "")),
            "isConversation": .flag(project.isConversation(resource)),
            "hasTitle": .flag(resource.hasTitle),
            "isReferring": .flag(!resource.relations.isEmpty),
            "fields": .list(resource.fields.map { values(of: $0, in: project) }),
            "requiredFields": .list(resource.fields.filter(\.isRequired).map { values(of: $0, in: project) }),
            "hasRequiredRelations": .flag(resource.relations.contains { $0.field.isRequired }),
            "patchField": .text(resource.patchField.name),
            "readmeBody": .text(Samples.readmeBody(of: resource, in: project)),
            "readmeLookups": .list(
                resource.relations.filter { !$0.field.isOptional }.map { relation in
                    let target = project.resources.first { $0.table == relation.target }
                    return [
                        "relation": .text(relation.field.shellVariable),
                        "relatedPath": .text(target?.path ?? relation.target),
                    ]
                }),
        ]
    }

    /// What a Swift program needs of Debian where it runs.
    private static func libraries(of project: Project) -> [String] {
        (project.database == .postgres ? ["libpq5"] : []) + (project.hasSessions ? ["libcurl4", "libxml2"] : [])
    }

    /// What a Swift program can be asked for.
    private static func usage(of project: Project) -> String {
        var commands = project.database == .postgres ? ["seed", "migrate up|down|status"] : []
        if project.auth == .jwt { commands.append("token SUBJECT [ROLE]") }
        return commands.isEmpty ? "" : " [\(commands.joined(separator: " | "))]"
    }

    private static func values(of field: Field, in project: Project) -> TemplateValues {
        [
            "name": .text(field.name),
            "column": .text(field.column),
            "swiftName": .text(field.name.asSwift),
            "swiftType": .text(field.swiftType),
            "swiftField": .text(field.swiftField),
            "javascriptRules": .text(field.javaScriptRules),
            "swiftSample": .text(field.swiftSample(in: project)),
            "javascriptSample": .text(field.javaScriptSample(in: project)),
        ]
    }
}

extension Field {
    /// Its name, if a shell has variables of such a name.
    var shellVariable: String {
        guard case .relation(let table, _) = type, !name.utf8.allSatisfy({ $0 < 0x80 }) else { return name }
        return Words(table).singular.camel + "Id"
    }

    /// A client has to send it.
    var isRequired: Bool { !isOptional && defaultValue == nil }
}

extension Project {
    fileprivate func uses(_ isUsed: (FieldType) -> Bool) -> Bool {
        resources.contains { $0.fields.contains { isUsed($0.type) } }
    }
}

extension Resource {
    /// Its items have a title, which their sessions get, too.
    var hasTitle: Bool { fields.contains { $0.name == "title" && $0.type == .string } }

    /// The field that the generated tests change: one that holds something else each time, if there is one.
    var patchField: Field {
        fields.first { $0.type == .string || $0.type == .text } ?? fields.first { $0.type.isComparable } ?? fields[0]
    }
}

extension String {
    /// Where a name is a word of JavaScript's own, it gets an underscore.
    var asJavaScript: String { Keywords.javaScript.contains(self) ? self + "_" : self }
}

extension Field {
    /// The members of the field's rules in a generated JavaScript model.
    fileprivate var javaScriptRules: String {
        var rules = ["type: '\(type.name)'"]
        if column != name { rules.append("column: '\(column)'") }
        switch type {
        case .choice(let values): rules.append("values: [\(values.map { "'\($0)'" }.joined(separator: ", "))]")
        case .relation(let table, let onDelete): rules += ["to: '\(table)'", "onDelete: '\(onDelete.rawValue)'"]
        default: break
        }
        if isOptional { rules.append("optional: true") }
        if isUnique { rules.append("unique: true") }
        if let defaultValue { rules.append("default: \(defaultValue.compact)") }
        return rules.joined(separator: ", ")
    }
}

extension Field {
    /// An expression of a legal value, in which `number` is different each time, and `api` makes the item of a relation.
    fileprivate func javaScriptSample(in project: Project) -> String {
        switch type {
        case .string: "`\(Words(name).spaced.capitalizedWord) ${number}`"
        case .text: "`Some words about number ${number}.`"
        case .int: "number"
        case .double: "number + 0.5"
        case .decimal: "`${number}.50`"
        case .bool: "number % 2 === 1"
        case .date: "day(number).slice(0, 10)"
        case .datetime: "day(number)"
        case .uuid: "randomUUID()"
        case .json: "{ number }"
        case .choice(let values): "'\(values[0])'"
        case .relation(let table, _):
            isRequired
                ? "(await api.create('\(project.resources.first { $0.table == table }?.path ?? table)')).body.id"
                : "null"
        }
    }
}
