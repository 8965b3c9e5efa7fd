/// Makes all files of a project from its description, except its migrations, which are a history: ``MigrationPlanner`` adds to them.
public struct ProjectRenderer: Sendable {
    private let library: TemplateLibrary

    public init(library: TemplateLibrary = TemplateLibrary()) {
        self.library = library
    }

    /// - Throws: ``DescriptionError`` if a template of the project's own is broken.
    public func files(of project: Project) throws(DescriptionError) -> [GeneratedFile] {
        var files: [GeneratedFile] = []
        let values = TemplateContext.values(of: project)
        for use in TemplateUse.all(for: project.target) where use.applies(to: project) {
            let template = try library.template(use.name(for: project.target))
            if use.isForResource {
                for resource in project.resources {
                    let text = try template.render(
                        values.merging(TemplateContext.values(of: resource, in: project)) { $1 })
                    files.append(GeneratedFile(path: resource.fill(use.output), text: text))
                }
            } else {
                files.append(GeneratedFile(path: use.output, text: try template.render(values)))
            }
        }
        files += project.resources.map { resource in
            GeneratedFile(path: "seeds/\(resource.table).json", text: Samples.seeds(of: resource, in: project).pretty)
        }
        files.append(GeneratedFile(path: "openapi.json", text: OpenAPIDocument.text(of: project)))
        files.append(GeneratedFile(path: "postman_collection.json", text: PostmanCollection.text(of: project)))
        files.append(GeneratedFile(path: "requests.http", text: RequestsFile.text(of: project)))
        files.append(GeneratedFile(path: "throughline.json", text: ProjectFile.text(of: project)))
        return files.sorted { $0.path < $1.path }
    }
}

extension Resource {
    /// A path with this resource's names in place of those in braces.
    fileprivate func fill(_ path: String) -> String {
        path.replacing("{path}", with: self.path).replacing("{singularFile}", with: singular.kebab)
            .replacing("{type}", with: type)
    }
}
