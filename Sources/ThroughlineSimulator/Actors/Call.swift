import ThroughlineCore

/// One request on its way, and the way back of its answer.
final class Call {
    let sentAt: Int64
    let server: Int
    var isAnswered = false

    init(sentAt: Int64, server: Int) {
        self.sentAt = sentAt
        self.server = server
    }
}
