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
            SessionRequests.self, SessionAnswer.self, SessionTakeover.self, SessionHandback.self, SessionSay.self,
            SessionExport.self, SessionErase.self, SessionForkCommand.self, SessionContext.self,
        ])
}
