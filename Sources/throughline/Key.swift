import ArgumentParser
import Foundation
import ThroughlineCore
import ThroughlineServer

/// `throughline key`
struct Key: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes and revokes the keys that a server lets in.",
        discussion: """
            A server reads its keys when it starts. The file holds names and hashes; a key itself is shown once and kept nowhere.

            EXAMPLES:
              throughline key create laptop --keys keys.json
              throughline serve --keys keys.json
            """,
        subcommands: [KeyCreate.self, KeyList.self, KeyRevoke.self])
}

/// Where the keys are.
struct KeyOptions: ParsableArguments {
    @Option(help: "The file of keys. Default: $THROUGHLINE_KEYS, or keys.json.")
    var keys: String?

    var file: KeyFile {
        KeyFile(path: keys ?? ProcessInfo.processInfo.environment["THROUGHLINE_KEYS"] ?? "keys.json")
    }
}

/// `throughline key create`
struct KeyCreate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Makes a key and prints it, this once.",
        discussion: """
            EXAMPLE:
              throughline key create laptop --keys keys.json
            """)

    @OptionGroup var options: KeyOptions

    @Argument(help: "What the key is called: the log and the events name it.")
    var name: String

    func validate() throws {
        let isLegal = (1...64).contains(name.utf8.count) && name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }
        guard isLegal else { throw ValidationError("A name has 1 to 64 bytes and no spaces.") }
    }

    func run() throws {
        let file = options.file
        var keys = try file.read(mayBeAbsent: true)
        let key = KeyRing.newKey()
        let now = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000))
        guard keys.add(key, name: name, at: now) else {
            throw Failure("There is a key “\(name)” already. Revoke it first.")
        }
        try file.write(keys)
        Terminal.complain("This is the key “\(name)”. It is not shown again.")
        Terminal.print(key)
    }
}

/// `throughline key list`
struct KeyList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the names of the keys.",
        discussion: """
            EXAMPLE:
              throughline key list --keys keys.json
            """)

    @OptionGroup var options: KeyOptions

    func run() throws {
        for entry in try options.file.read().entries {
            let created = Date(timeIntervalSince1970: Double(entry.created.rawValue) / 1_000)
            Terminal.print("\(entry.name)\t\(created.formatted(.iso8601))")
        }
    }
}

/// `throughline key revoke`
struct KeyRevoke: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Takes a key away. A running server knows after its next start.",
        discussion: """
            EXAMPLE:
              throughline key revoke laptop --keys keys.json
            """)

    @OptionGroup var options: KeyOptions

    @Argument(help: "What the key is called.")
    var name: String

    func run() throws {
        let file = options.file
        var keys = try file.read()
        guard keys.remove(name: name) else { throw Failure("There is no key “\(name)”.") }
        try file.write(keys)
        Terminal.print("Revoked “\(name)”.")
    }
}
