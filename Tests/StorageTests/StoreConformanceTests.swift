import Synchronization
import Testing
import ThroughlineCore
import ThroughlineStorage
import ThroughlineTestKit

@Suite struct StoreConformanceTests {
    @Test(arguments: StoreConformance.checks)
    func `the store in memory keeps the contract`(_ check: StoreConformance.Check) throws {
        try check.run(StoreConformance.Factory(open: { InMemoryLogStore() }))
    }

    @Test(arguments: StoreConformance.checks)
    func `the embedded store with tiny segments keeps the contract`(_ check: StoreConformance.Check) throws {
        try check.run(.embedded(.tiny))
    }

    @Test(arguments: StoreConformance.checks)
    func `the embedded store with one large segment keeps the contract`(_ check: StoreConformance.Check) throws {
        try check.run(.embedded(.roomy))
    }
}

extension StoreConformance.Factory {
    static func embedded(_ configuration: StoreConfiguration) -> Self {
        let folders = Mutex<[ObjectIdentifier: TemporaryFolder]>([:])
        return Self(
            open: {
                let folder = TemporaryFolder()
                let store = try folder.open(configuration)
                folders.withLock { $0[ObjectIdentifier(store)] = folder }
                return store
            },
            reopen: { old in
                old.close()
                guard let folder = folders.withLock({ $0[ObjectIdentifier(old)] }) else { preconditionFailure() }
                let store = try folder.open(configuration)
                folders.withLock { $0[ObjectIdentifier(store)] = folder }
                return store
            })
    }
}
