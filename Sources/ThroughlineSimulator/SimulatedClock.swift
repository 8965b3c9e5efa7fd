/// Time that only the simulation moves.
package final class SimulatedClock {
    /// Microseconds since the simulation began; never goes back.
    package private(set) var microseconds: Int64 = 1_000_000
    /// What the wall clock shows beside it, in milliseconds; jumps.
    package var wallOffset: Int64 = 1_795_000_000_000 { didSet { latestWall = max(latestWall, wall) } }
    /// The latest time that the wall clock has shown.
    package private(set) var latestWall: Int64 = 0

    package init() {}

    package var monotonic: Int64 { microseconds / 1_000 }
    package var wall: Int64 { wallOffset + monotonic }

    package func advance(microseconds: Int64) {
        self.microseconds += microseconds
        latestWall = max(latestWall, wall)
    }
}
