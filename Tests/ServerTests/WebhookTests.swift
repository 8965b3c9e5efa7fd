import Testing
import ThroughlineCore
import ThroughlineServer

@Suite struct `The waking of agents` {
    private let one = SessionID("one")!
    private let two = SessionID("two")!
    private let work = Array("work".utf8)

    private func announced(_ isHeard: Bool, times: Int) -> [Int64] {
        var schedule = WebhookSchedule()
        var now: Int64 = 0
        var pauses: [Int64] = []
        for _ in 0..<times {
            let before = now
            while schedule.next(of: [one], at: now) == nil { now += 50 }
            pauses.append(now - before)
            let isDue = schedule.shouldAnnounce(work, of: one)
            #expect(isDue)
            schedule.announced(one, isHeard: isHeard, at: now)
        }
        return pauses
    }

    @Test func `gives who is between two polls a moment, then tries less and less often`() {
        #expect(announced(false, times: 5) == [250, 1_000, 2_000, 4_000, 8_000])
        #expect(announced(false, times: 20).last == WebhookSchedule.longestRetry)
        #expect(announced(true, times: 4) == [250, 30_000, 60_000, 120_000])
    }

    @Test func `begins anew with other work, and forgets what waits no longer`() {
        var schedule = WebhookSchedule()
        let answer1 = schedule.next(of: [one, two], at: 0)
        #expect(answer1 == nil)
        let answer2 = schedule.next(of: [one, two], at: 250)
        #expect(answer2 == one)
        for _ in 0..<4 {
            _ = schedule.shouldAnnounce(work, of: one)
            schedule.announced(one, isHeard: false, at: 250)
        }
        let answer3 = schedule.next(of: [one, two], at: 250)
        #expect(answer3 == two, "each session has its own time")
        schedule.found(nothingIn: two, at: 250)
        let answer4 = schedule.next(of: [one, two], at: 1_000)
        #expect(answer4 == nil)
        let answer5 = schedule.next(of: [one, two], at: 1_250)
        #expect(answer5 == two)
        let answer6 = schedule.next(of: [two], at: 1_250)
        #expect(answer6 == two)
        let answer7 = schedule.next(of: [one, two], at: 9_000)
        #expect(answer7 == two, "one was away, and is new")
        let isKnown = schedule.shouldAnnounce(work, of: SessionID("three")!)
        #expect(!isKnown)
    }

    @Test func `is signed as its page says`() {
        let header = WebhookSignature.header(
            of: Array(#"{"agent":"bot"}"#.utf8), at: Timestamp(milliseconds: 1_795_000_000_000),
            secret: Array("a secret of sixteen".utf8))
        #expect(
            header == "t=1795000000000,v1=28a9c7cf9bf0e1721438c60a391cfb0b5383d5995747610e518ffde4610dd0b5")
    }

    @Test(arguments: [
        ("bot=http://127.0.0.1:1/x", true), ("bot=https://a.example/?a=b", true), ("bot", false), ("=http://a", false),
        ("bot=ftp://a", false), ("bot=http:///x", false), ("b t=http://a", false), ("bot=http://u:p@a/", false),
    ])
    func `takes the addresses of its configuration only`(text: String, isTarget: Bool) {
        #expect((WebhookConfiguration.Target(text) != nil) == isTarget)
    }
}
