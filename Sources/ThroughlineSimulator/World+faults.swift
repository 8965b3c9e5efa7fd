import ThroughlineTestKit

extension World {
    func causeFault() {
        switch random.below(16) {
        case 0, 1, 2, 3: disk.plan.crash = (random.below(30), random.chance(4) ? .kill : .powerLoss)
        case 4: end(.powerLoss, .powerLossAtRest)
        case 5: end(.kill, .kill)
        case 6: stop()
        case 7, 8, 9: planError(within: 12)
        case 10:
            disk.plan.isFull = true
            faultsEnd = now + Int64(random.below(1_500))
        case 11, 12: disk.plan.shortWrite = random.below(6)
        case 13:
            disk.plan.delay = Int64(20_000 + random.below(300_000))
            faultsEnd = now + Int64(random.below(1_000))
        default: jumpClock()
        }
    }

    /// Faults that last go by.
    func endFaults() {
        guard now > faultsEnd else { return }
        disk.plan.isFull = false
        disk.plan.delay = nil
    }

    func planError(within calls: Int) {
        let call = random.pick([FaultPlan.Call.read, .write, .synchronize, .name])
        disk.plan.error = (call, random.below(calls))
    }

    private func end(_ ending: SimulatedDisk.Ending, _ fault: Fault) {
        counts.add(fault)
        disk.die(ending)
    }

    /// The server stops as it should: what it has taken becomes durable.
    private func stop() {
        guard let server else { return }
        counts.add(.stop)
        server.end()
        deliver()
        if disk.ending == nil { disk.die(.kill) }
    }

    private func jumpClock() {
        let jump = Int64(random.below(7_200_000)) - 3_600_000
        counts.add(jump < 0 ? .clockBack : .clockForward)
        clock.wallOffset += jump
    }
}
