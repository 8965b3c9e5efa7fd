extension Project {
    /// What a project with sessions begins with.
    public static let conversation = "conversation"

    /// Whether this is the resource whose items have a session each.
    func isConversation(_ resource: Resource) -> Bool {
        hasSessions && resource.singular.camel == Project.conversation
    }

    /// A session goes when its conversation does, so nothing but the API may take a conversation away, and nothing may hold one that has no
    /// session any more.
    func validateSessions() throws(DescriptionError) {
        guard let conversation = resources.first(where: isConversation) else {
            throw DescriptionError(
                "A project with sessions has conversations: throughline generate resource conversation 'title:string?'")
        }
        for relation in conversation.relations where relation.onDelete == .cascade {
            throw DescriptionError(
                "‘\(relation.field.name)’ would delete conversations and leave their sessions. Use :restrict or :setnull."
            )
        }
        for resource in resources {
            for relation in resource.relations
            where relation.target == conversation.table && relation.onDelete == .restrict {
                throw DescriptionError(
                    "‘\(relation.field.name)’ of \(resource.singular.camel) would keep a conversation whose session is erased already."
                        + " Use :cascade, or :setnull.")
            }
            guard resource.path != "chat" else {
                throw DescriptionError("‘chat’ is where the chat page is. Choose another plural with --plural.")
            }
        }
    }
}
