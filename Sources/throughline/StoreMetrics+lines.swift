import ThroughlineServer
import ThroughlineStorage

extension StoreMetrics {
    /// As `/metrics` shows them.
    var lines: [Metric] {
        [
            counter("commits", "Batches made durable.", commits),
            counter("bytes", "Bytes written to the log.", bytes),
            counter("synchronizations", "Calls of fdatasync for commits.", synchronizations),
            counter("moved_segments", "Segments moved to SQLite.", movedSegments),
            gauge("backlog_records", "Records in the log that have not moved to SQLite.", backlogRecords),
            gauge("segments", "Segments that hold records which have not moved.", segments),
            gauge("damaged_streams", "Streams with a bad checksum.", damagedStreams),
        ]
    }

    private func counter(_ name: String, _ help: String, _ value: Int) -> Metric {
        Metric(name: "throughline_store_\(name)_total", help: help, kind: "counter", value: value)
    }

    private func gauge(_ name: String, _ help: String, _ value: Int) -> Metric {
        Metric(name: "throughline_store_\(name)", help: help, kind: "gauge", value: value)
    }
}
