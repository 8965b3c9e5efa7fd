import NIOCore
import Testing

@testable import ThroughlineServer

@Suite struct StreamPumpTests {
    @Test(arguments: [0, 80, 85, 86, 99, 100])
    func `the next look for silence is never in the past`(_ lastWrite: UInt64) {
        func at(_ seconds: UInt64) -> NIODeadline { .uptimeNanoseconds(seconds * 1_000_000_000) }
        let due = StreamPump.due(after: at(lastWrite), every: .seconds(15), now: at(100))
        #expect(due == max(at(lastWrite + 15), at(101)))
    }
}
