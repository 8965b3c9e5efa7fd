import Foundation
import Synchronization
import Testing
import ThroughlineCore
import ThroughlineStorage
import ThroughlineTestKit

private let one = StreamID("sessions/one")

/// A file system that fails on demand.
private final class Faults: Sendable {
    /// The error of a call; `nil` while it works.
    final class Fault: Sendable {
        private let state = Mutex<Int32?>(nil)
        var code: Int32? { state.withLock { $0 } }
        func set(_ code: Int32?) { state.withLock { $0 = code } }
    }

    let open = Fault()
    let write = Fault()
    let synchronize = Fault()

    var configuration: StoreConfiguration {
        var configuration = StoreConfiguration.tiny
        configuration.spareSegments = 0
        let real = FileSystem.real
        configuration.fileSystem.open = { [self] path, flags, mode throws(SystemCallError) in
            if flags & O_CREAT != 0, let code = open.code { throw SystemCallError(call: "open", code: code) }
            return try real.open(path, flags, mode)
        }
        configuration.fileSystem.write = { [self] descriptor, bytes, offset throws(SystemCallError) in
            if let code = write.code {
                // Half of it reaches the file, as it does when a disk fills up.
                try real.write(descriptor, UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count / 2)]), offset)
                throw SystemCallError(call: "pwrite", code: code)
            }
            try real.write(descriptor, bytes, offset)
        }
        configuration.fileSystem.synchronize = { [self] descriptor throws(SystemCallError) in
            if let code = synchronize.code { throw SystemCallError(call: "fdatasync", code: code) }
            try real.synchronize(descriptor)
        }
        return configuration
    }
}

@Suite struct FaultTests {
    @Test(arguments: [ENOSPC, EROFS, EFBIG])
    func `a full disk refuses appends, serves reads and takes appends when there is room again`(_ code: Int32) throws {
        let folder = TemporaryFolder()
        let faults = Faults()
        let store = try folder.open(faults.configuration)
        try store.fill(one, count: 10)
        // Large ones always need a file of their own.
        for (fault, size) in [(faults.write, 200), (faults.open, 6000)] {
            let tail = try store.checkFilled(one)
            fault.set(code)
            // The one being written may have room; the next cannot be made.
            var number = tail
            var error: StoreError?
            while error == nil, number < tail + 100 {
                let text = "\(number)-" + String(repeating: "z", count: size)
                error = store.appendAndWait(.texts([text], to: one, expecting: number)).storeError
                if error == nil { number += 1 }
            }
            guard case .full = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            let dependant = store.appendAndWait(.texts(["x"], to: one, expecting: number + 1)).storeError
            #expect(dependant == .conflict(tail: SequenceNumber(number)))
            #expect(try store.checkFilled(one) == number)
            fault.set(nil)
            try store.fill(one, from: number, count: 30)
        }
        let tail = try store.checkFilled(one)
        store.close()
        let second = try folder.open()
        #expect(try second.checkFilled(one) == tail)
        second.close()
    }

    @Test func `after a failed fdatasync no append is taken and reads go on`() throws {
        let folder = TemporaryFolder()
        let faults = Faults()
        var configuration = faults.configuration
        configuration.segmentBytes = 1 << 16
        let store = try folder.open(configuration)
        try store.fill(one, count: 10)
        faults.synchronize.set(EIO)
        for _ in 0..<2 {
            let error = store.appendAndWait(.texts(["10-"], to: one, expecting: 10)).storeError
            guard case .failed = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            faults.synchronize.set(nil)
        }
        #expect(try store.checkFilled(one) == 10)
        store.close()
        let second = try folder.open()
        #expect(try second.checkFilled(one) >= 10)
        second.close()
    }

    @Test func `a write error other than a full disk stops the store`() throws {
        let folder = TemporaryFolder()
        let faults = Faults()
        var configuration = faults.configuration
        configuration.segmentBytes = 1 << 16
        let store = try folder.open(configuration)
        defer { store.close() }
        try store.fill(one, count: 3)
        faults.write.set(EIO)
        for _ in 0..<2 {
            let error = store.appendAndWait(.texts(["x"], to: one, expecting: 3)).storeError
            guard case .failed = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            faults.write.set(nil)
        }
    }
}
