import ThroughlineBuilder

extension Checkup {
    /// The tools of both targets, of which one is enough.
    static func tools() -> [Finding] {
        let findings = Project.Target.allCases.flatMap(tools)
        let hasOne = findings.contains { $0.kind == .good }
        return findings.map { finding in
            hasOne && finding.kind == .problem ? .note(finding.text, finding.advice ?? "") : finding
        }
    }

    static func tools(for target: Project.Target) -> [Finding] {
        switch target {
        case .hummingbird:
            [
                tool("swift", version: /Swift version (\d+)\.(\d+)/, atLeast: (6, 2)) {
                    "Swift 6.2 or later, for --target hummingbird: https://www.swift.org/install"
                }
            ]
        case .express:
            [
                tool("node", version: /v(\d+)\.(\d+)/, atLeast: (20, 12)) {
                    "Node.js 20.12 or later, for --target express: https://nodejs.org"
                },
                Tool.path("npm") == nil
                    ? .problem("There is no npm.", "It comes with Node.js: https://nodejs.org") : .good("npm"),
            ]
        }
    }

    private static func tool(
        _ name: String, version: Regex<(Substring, Substring, Substring)>, atLeast least: (Int, Int),
        advice: () -> String
    ) -> Finding {
        guard let path = Tool.path(name), let result = Tool.output([path, "--version"]),
            let match = result.text.firstMatch(of: version), let major = Int(match.1), let minor = Int(match.2)
        else { return .problem("There is no \(name).", advice()) }
        if (major, minor) < least { return .problem("\(name) is \(major).\(minor).", advice()) }
        return .good("\(name) \(major).\(minor)")
    }
}
