/// A field of a resource that has another name from now on, and keeps what it holds.
public struct FieldRename: Equatable, Sendable {
    public var resource: Words
    public var old: Field
    /// The old field under its new name; what else changes in it is another matter.
    public var new: Field

    /// - Parameter text: `old:new`. A relation is called as it is written or as it is kept: `owner` or `ownerId`.
    /// - Throws: ``DescriptionError`` if the one was not there before, or the other is not there now.
    public init(_ text: String, from before: Resource?, to after: Resource) throws(DescriptionError) {
        let names = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard names.count == 2 else {
            throw DescriptionError("‘\(text)’ says no new name. Write --rename old:new.")
        }
        guard let before else {
            throw DescriptionError("\(after.singular.camel) is new, so none of its fields can have another name.")
        }
        guard let old = FieldRename.field(names[0], in: before) else {
            throw DescriptionError("\(before.singular.camel) has no field ‘\(names[0])’ that could have another name.")
        }
        guard let new = FieldRename.field(names[1], in: after) else {
            throw DescriptionError("‘\(names[1])’ is not among the fields. Name it there, too, with its type.")
        }
        guard !after.fields.contains(where: { $0.column == old.column }) else {
            throw DescriptionError("‘\(names[0])’ is among the fields still. Leave it out where its new name stands.")
        }
        guard !before.fields.contains(where: { $0.column == new.column }) else {
            throw DescriptionError("There is a field ‘\(names[1])’ already.")
        }
        resource = after.singular
        self.old = old
        self.new = old
        self.new.name = new.name
    }

    private static func field(_ name: String, in resource: Resource) -> Field? {
        let column = Words(name).snake
        return resource.fields.first { $0.column == column }
            ?? resource.fields.first { field in
                guard case .relation = field.type else { return false }
                return field.column == column + "_id"
            }
    }
}
