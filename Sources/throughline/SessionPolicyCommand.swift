import ArgumentParser
import Foundation
import NIOHTTP1
import ThroughlineCore

/// `throughline session policies`
struct SessionPolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policies", abstract: "Shows or sets what holds for a session.",
        discussion: """
            What a message does while an agent is at work, and what becomes of agents when nobody watches any more.

            EXAMPLES:
              throughline session policies sea
              throughline session policies sea --follow-up steer
              throughline session policies sea --orphan 60
              throughline session policies sea --orphan continue
            """)

    @OptionGroup var options: SessionOptions

    @Argument(help: "The session's id.")
    var session: String

    @Option(help: "queue, merge, latest, interrupt, steer, reject or concurrent.")
    var followUp: String?

    @Option(help: "After how many seconds without anybody agents are stopped, or continue.")
    var orphan: String?

    @Flag(help: "The policies as JSON.")
    var json = false

    func validate() throws {
        guard followUp.map({ FollowUp(rawValue: $0) != nil }) ?? true else {
            throw ValidationError("--follow-up is one of \(FollowUp.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        guard orphan == nil || orphan == "continue" || seconds != nil else {
            throw ValidationError("--orphan is a number of seconds, or continue.")
        }
    }

    /// Of the orphan policy, where one is given.
    private var seconds: Int64? { orphan.flatMap(Int64.init).flatMap { (1...604_800).contains($0) ? $0 : nil } }

    func run() async throws {
        let path = try ServerClient.path(session)
        let isAsked = followUp == nil && orphan == nil
        let answer = try await options.client.value(isAsked ? .GET : .PATCH, path, body: isAsked ? nil : change)
        guard let policies = answer["session"]?["policies"] else {
            throw Failure("The server's answer has no policies.")
        }
        if json { return Terminal.print(policies.compactText) }
        let after = policies["orphan"]?["after"]?.integer.map {
            Duration.milliseconds($0).formatted(.units(width: .wide))
        }
        Terminal.print(
            """
            follow-up  \(policies["followUp"]?.string ?? "queue")
            orphan     \(after.map { "agents stop after \($0) without anybody" } ?? "continue")
            """)
    }

    private var change: [UInt8] {
        JSONWriter.object {
            $0.key("policies")
            $0.object { policies in
                policies.field("followUp", followUp)
                guard orphan != nil else { return }
                policies.key("orphan")
                policies.object {
                    $0.field("then", seconds == nil ? "continue" : "cancel")
                    if let seconds { $0.field("after", seconds * 1_000) }
                }
            }
        }
    }
}
