/// A fingerprint of a run: everything that happens goes in, in order. Two runs of one seed have the same.
package final class Trace {
    package private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    private let prints: ((String) -> Void)?

    package init(prints: ((String) -> Void)? = nil) { self.prints = prints }

    package func note(_ what: StaticString, _ numbers: Int...) {
        mix(UInt64(what.utf8CodeUnitCount))
        for number in numbers { mix(UInt64(bitPattern: Int64(number))) }
        if let prints { prints("\(what) \(numbers.map { String($0) }.joined(separator: " "))") }
    }

    /// Words for people, and into the fingerprint.
    package func note(_ what: @autoclosure () -> String, bytes: [UInt8]) {
        mix(bytes)
        prints?(what())
    }

    /// Words only, made when they are printed.
    package func say(_ what: @autoclosure () -> String) { prints?(what()) }

    package func mix(_ bytes: UnsafeRawBufferPointer) {
        var offset = 0
        while offset + 8 <= bytes.count {
            mix(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        while offset < bytes.count {
            mix(UInt64(bytes[offset]))
            offset += 1
        }
    }

    package func mix(_ bytes: [UInt8]) { bytes.withUnsafeBytes { mix($0) } }

    private func mix(_ number: UInt64) {
        hash = (hash ^ number) &* 0x9E37_79B9_7F4A_7C15
        hash ^= hash >> 29
    }
}
