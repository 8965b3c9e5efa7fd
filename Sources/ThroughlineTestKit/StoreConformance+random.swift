import ThroughlineCore

extension StoreConformance {
    /// What a store has to do, in five lines.
    private struct Model {
        var streams: [StreamID: [LogRecord]] = [:]
        var erased: Set<StreamID> = []

        func tail(_ stream: StreamID) -> UInt64 { streams[stream]?.last?.sequence.rawValue ?? 0 }

        mutating func append(_ append: LogAppend) -> StoreError? {
            if erased.contains(append.stream) { return .erased }
            let tail = SequenceNumber(tail(append.stream))
            if tail != append.expecting { return .conflict(tail: tail) }
            streams[append.stream, default: []] += append.records
            return nil
        }
    }

    /// Operations drawn at random, each compared with the model; now and then a restart, where the store persists.
    static func random(seed: UInt64, _ factory: Factory) throws {
        var random = SeededRandom(seed: seed)
        var model = Model()
        var store = try factory.open()
        defer { store.close() }
        for step in 0..<400 {
            let what = "seed \(seed), step \(step)"
            let stream = StreamID("s/\(Int.random(in: 0..<8, using: &random))")
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<60:
                let append = randomAppend(to: stream, tail: model.tail(stream), &random)
                try require(store.appendAndWait(append).storeError, is: model.append(append), "\(what), append")
            case 60..<96: try compare(store, stream, model.streams[stream], model.erased, &random, what)
            case 96:
                try require(store.eraseAndWait(stream).storeError, is: nil, "\(what), erase")
                model.streams[stream] = nil
                model.erased.insert(stream)
            default: if let reopen = factory.reopen { store = try reopen(store) }
            }
        }
        for stream in model.streams.keys {
            try compare(store, stream, model.streams[stream], model.erased, &random, "seed \(seed), at the end")
        }
    }

    private static func compare(
        _ store: any LogStore, _ stream: StreamID, _ records: [LogRecord]?, _ erased: Set<StreamID>,
        _ random: inout SeededRandom, _ what: String
    ) throws {
        let status: StreamStatus =
            erased.contains(stream) ? .erased : records.map { .live(tail: $0.last?.sequence ?? .zero) } ?? .absent
        try require(store.status(of: stream), is: status, "\(what), status")
        if erased.contains(stream) { return }
        let tail = records?.last?.sequence.rawValue ?? 0
        let after = SequenceNumber(UInt64.random(in: 0...tail + 1, using: &random))
        let limit = ReadLimit(
            records: Int.random(in: 0..<20, using: &random), bytes: Int.random(in: 0..<10_000, using: &random))
        let page = try store.read(stream, after: after, limit: limit)
        try require(page == (records ?? []).page(after: after, limit: limit), "\(what), read after \(after), \(limit)")
    }

    private static func randomAppend(
        to stream: StreamID, tail: UInt64, _ random: inout SeededRandom
    ) -> LogAppend {
        let isWrong = Int.random(in: 0..<10, using: &random) == 0
        let expecting = isWrong ? tail + 1 : tail
        var sequence = expecting
        let records = (0..<Int.random(in: 1...4, using: &random)).map { _ in
            let kind: LogRecord.Kind = Int.random(in: 0..<4, using: &random) == 0 ? .note : .event
            if kind == .event { sequence += 1 }
            return LogRecord(
                kind: kind, sequence: SequenceNumber(sequence),
                at: Timestamp(milliseconds: Int64.random(in: 0..<1 << 40, using: &random)),
                payload: kind == .event ? randomBytes(&random) : [], note: randomBytes(&random))
        }
        return LogAppend(
            stream: stream, expecting: SequenceNumber(expecting), records: records,
            summary: Bool.random(using: &random) ? randomBytes(&random) : nil)
    }

    private static func randomBytes(_ random: inout SeededRandom) -> [UInt8] {
        let count = Int.random(in: 0..<10, using: &random) == 0 ? 3000 : 40
        return (0..<Int.random(in: 0..<count, using: &random)).map { _ in
            UInt8.random(in: .min ... .max, using: &random)
        }
    }
}
