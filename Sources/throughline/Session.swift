import ArgumentParser

/// `throughline session`
struct Session: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Looks at sessions of a running server, and takes part in them.",
        discussion: """
            EXAMPLES:
              throughline session list
              throughline session send sea "Why is the sea salty?" --wait
            """,
        subcommands: [
            SessionList.self, SessionShow.self, SessionTail.self, SessionSend.self, SessionStop.self,
            SessionSteer.self, SessionInterrupt.self, SessionPause.self, SessionResume.self, SessionQueue.self,
            SessionRuns.self, SessionRequests.self, SessionAnswer.self, SessionPeople.self, SessionTakeover.self,
            SessionHandback.self, SessionSay.self, SessionBranches.self, SessionForkCommand.self,
            SessionPolicyCommand.self, SessionContext.self, SessionExport.self, SessionErase.self,
        ])
}
