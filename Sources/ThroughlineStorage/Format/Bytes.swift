extension UnsafeMutableRawPointer {
    /// Writes an integer, low byte first, at an offset that need not be aligned.
    @inline(__always)
    func put<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, at offset: Int) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    }

    /// Copies bytes that may be none.
    func copy(_ source: UnsafeRawBufferPointer) {
        if let base = source.baseAddress { copyMemory(from: base, byteCount: source.count) }
    }
}

extension UnsafeRawBufferPointer {
    /// Reads an integer, low byte first, from an offset that need not be aligned. The caller has checked the bounds.
    @inline(__always)
    func get<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type, at offset: Int) -> Value {
        Value(littleEndian: loadUnaligned(fromByteOffset: offset, as: Value.self))
    }

    func part(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range])
    }
}

/// A piece of memory that grows and is used again: the one buffer that every commit is laid out in.
///
/// Not safe to share: each thread that needs one has its own.
final class ByteBlock {
    private(set) var base: UnsafeMutableRawPointer
    private(set) var capacity: Int
    private(set) var count = 0

    init(capacity: Int) {
        self.capacity = max(capacity, 4096)
        base = .allocate(byteCount: self.capacity, alignment: 4096)
    }

    deinit { base.deallocate() }

    /// What was written so far. Valid until the next call that changes the block.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// Forgets the contents, and memory over `keeping` bytes, so that one huge commit does not stay for ever.
    func removeAll(keeping: Int) {
        count = 0
        if capacity > keeping { reallocate(capacity: max(keeping, 4096)) }
    }

    /// Adds room for bytes at the end, not yet initialised, and returns where they go.
    func extend(by size: Int) -> UnsafeMutableRawPointer {
        if count + size > capacity { reallocate(capacity: max(count + size, capacity * 2)) }
        defer { count += size }
        return base + count
    }

    /// Drops what stands after the first `size` bytes.
    func truncate(to size: Int) { count = min(count, size) }

    private func reallocate(capacity size: Int) {
        let new = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 4096)
        if count > 0 { new.copyMemory(from: base, byteCount: count) }
        base.deallocate()
        base = new
        capacity = size
    }
}
