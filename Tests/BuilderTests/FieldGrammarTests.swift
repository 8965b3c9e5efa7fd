import Testing
import ThroughlineBuilder

@Suite struct `The grammar of fields` {
    @Test(
        arguments: [
            "name:string", "age:int?", "email:string:unique", "age:int?=3:index", "role:enum(admin,in-progress)=admin",
            "ownerId:users", "ownerId:users?:setnull", "ownerId:users:index:cascade", "price:decimal=12.50",
            "ratio:double=0.5",
            "isDone:bool=false", "settings:json?", "größe:string", "title:string=a word",
        ])
    func `reads what it writes`(text: String) throws {
        #expect(FieldGrammar.text(of: try FieldGrammar.parse(text)) == text)
    }

    @Test func `names a relation by its id`() throws {
        let field = try FieldGrammar.parse("owner:user")
        #expect(field.name == "ownerId")
        #expect(field.type == .relation(table: "users", onDelete: .restrict))
        #expect(field.column == "owner_id")
    }

    @Test(arguments: [
        "name", "name:", ":string", "a:enum(", "a:int=1.5", "a:text:unique", "A:int", "a b:int", "a:int;b",
    ])
    func `refuses what makes no sense`(text: String) {
        #expect(throws: DescriptionError.self) {
            try Resource("user", fields: [try FieldGrammar.parse(text)])
        }
    }

    /// It could be a relation to `strins`, so the project is asked, which knows its resources.
    @Test func `is refused by a project if it names neither a type nor a resource`() throws {
        let resource = try Resource("user", fields: [try FieldGrammar.parse("a:strin")])
        let project = try Project(name: "shop", target: .express, database: .memory)
        let refusal = #expect(throws: DescriptionError.self) { try project.adding(resource) }
        #expect(refusal?.message.contains("Did you mean string?") == true)
    }

    @Test(
        arguments: [
            ("user", "users"), ("person", "people"), ("category", "categories"), ("day", "days"), ("bus", "buses"),
            ("status", "statuses"), ("news", "news"), ("box", "boxes"), ("address", "addresses"),
            ("analysis", "analyses"),
            ("blogPost", "blogPosts"), ("quiz", "quizzes"), ("house", "houses"), ("branch", "branches"),
        ])
    func `knows the English for one and for many`(one: String, many: String) {
        #expect(Words(one).plural.camel == many)
        #expect(Words(many).singular.camel == one)
        #expect(Words(one).singular.camel == one)
    }

    @Test func `takes names apart into words`() {
        #expect(Words("blogPost").words == ["blog", "post"])
        #expect(Words("HTTPServer").words == ["http", "server"])
        #expect(Words("blog-post_title").snake == "blog_post_title")
        #expect(Words("blog_post").pascal == "BlogPost")
    }
}
