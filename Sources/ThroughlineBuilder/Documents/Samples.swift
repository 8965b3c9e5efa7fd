/// Values for seeds, examples and tests: legal, easy to tell apart, and the same whenever they are made.
enum Samples {
    /// The id of a seed. It has the form of a random UUID, and its beginning says which resource it is of.
    static func id(of resource: Resource, number: Int) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in resource.table.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let digits = hexadecimal(hash, digits: 16)
        let start = digits.prefix(8)
        return
            "\(start)-\(digits.dropFirst(8).prefix(4))-4\(digits.suffix(3))-8000-\(hexadecimal(UInt64(number), digits: 12))"
    }

    /// Two items that are there from the start, with their ids.
    static func seeds(of resource: Resource, in project: Project) -> JSONValue {
        .array(
            [1, 2].map { number in
                JSONValue(
                    [("id", .string(id(of: resource, number: number)))] + owner(in: project)
                        + members(of: resource, in: project, number: number))
            })
    }

    /// What a client sends to make an item. Bodies of different numbers differ in every unique field.
    static func body(of resource: Resource, in project: Project, number: Int) -> JSONValue {
        JSONValue(members(of: resource, in: project, number: number))
    }

    /// What has to be sent to make an item, and nothing more.
    static func smallestBody(of resource: Resource, in project: Project) -> JSONValue {
        JSONValue(
            resource.fields.filter(\.isRequired).map { ($0.name, value(of: $0, of: resource, in: project, number: 1)) })
    }

    /// What the first request of a README creates, as an argument in single quotes: the ids of others are variables of the shell.
    static func readmeBody(of resource: Resource, in project: Project) -> String {
        let required = resource.fields.map { field -> (String, JSONValue) in
            guard case .relation = field.type else {
                return (field.name, value(of: field, of: resource, in: project, number: 3))
            }
            return (field.name, field.isOptional ? .null : .string("'$\(field.shellVariable)'"))
        }
        return JSONValue(required).compact
    }

    private static func owner(in project: Project) -> [(String, JSONValue)] {
        project.auth == .jwt ? [(Field.owner.name, .string("ada"))] : []
    }

    private static func members(of resource: Resource, in project: Project, number: Int) -> [(String, JSONValue)] {
        resource.fields.map { ($0.name, value(of: $0, of: resource, in: project, number: number)) }
    }

    /// A legal value of a field.
    static func value(of field: Field, of resource: Resource, in project: Project, number: Int) -> JSONValue {
        switch field.type {
        case .string: .string(sampleText(field.name, of: resource, number))
        case .text: .string("Some words about number \(number).")
        case .int: .int(number)
        case .double: .double(Double(number) + 0.5)
        case .decimal: .string("\(number).50")
        case .bool: .bool(number % 2 == 1)
        case .date: .string("2026-01-\(twoDigits(number))")
        case .datetime: .string("2026-01-\(twoDigits(number))T12:00:00.000Z")
        case .uuid: .string("00000000-0000-4000-8000-\(hexadecimal(UInt64(number), digits: 12))")
        case .json: ["number": .int(number)]
        case .choice(let values): .string(values[(number - 1) % values.count])
        case .relation(let table, _): relation(to: table, field, in: project, number: number)
        }
    }

    /// The first seed of the other resource; where no two may refer to the same, each to its own.
    private static func relation(to table: String, _ field: Field, in project: Project, number: Int) -> JSONValue {
        guard !field.isOptional || !field.isUnique, let target = project.resources.first(where: { $0.table == table })
        else { return .null }
        let isOwn = target.fields.contains(field)
        return isOwn ? .null : .string(id(of: target, number: field.isUnique ? number : 1))
    }

    private static let people: Set = [
        "account", "admin", "author", "client", "contact", "customer", "employee", "guest", "member", "owner", "person",
        "player", "student", "teacher", "user",
    ]

    private static func sampleText(_ name: String, of resource: Resource, _ number: Int) -> String {
        switch name.lowercased() {
        case "email": "person\(number)@example.com"
        case "name" where !people.contains(resource.singular.words.last ?? ""):
            "\(resource.singular.spaced.capitalizedWord) \(number)"
        case "name", "fullname", "username":
            ["Ada", "Grace", "Katherine"][(number - 1) % 3] + (number > 3 ? " \(number)" : "")
        case "url", "website", "link": "https://example.com/\(number)"
        default: "\(Words(name).spaced.capitalizedWord) \(number)"
        }
    }

    private static func twoDigits(_ number: Int) -> String { (number < 10 ? "0" : "") + String(number) }

    private static func hexadecimal(_ number: UInt64, digits: Int) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
