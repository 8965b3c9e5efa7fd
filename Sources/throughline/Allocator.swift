import ThroughlineServer

#if canImport(CJemalloc)
    import CJemalloc
#endif

/// The allocator of the process. An append is made on one thread and let go on another; glibc's allocator spends a third of the
/// server's time on that, jemalloc does not.
enum Allocator {
    /// Bytes in use by the program, for `/metrics`. To be compared with what the operating system says of the process.
    static var lines: [Metric] {
        #if canImport(CJemalloc)
            var epoch: UInt64 = 1
            var bytes = 0
            var size = MemoryLayout<Int>.size
            guard mallctl("epoch", nil, nil, &epoch, MemoryLayout<UInt64>.size) == 0,
                mallctl("stats.allocated", &bytes, &size, nil, 0) == 0
            else { return [] }
            return [
                Metric(name: "throughline_allocated_bytes", help: "Memory in use.", kind: "gauge", value: bytes)
            ]
        #else
            return []
        #endif
    }
}
