import Logging
import ThroughlineCore

extension CommitWriter {
    /// Writes the block as one commit and makes it durable. What went wrong, if anything did.
    func store(_ count: Int) -> StoreError? {
        let length = block.count
        let stride = CommitHeader.padded(length)
        let zeros = stride + CommitHeader.endMark - length
        block.extend(by: zeros).initializeMemory(as: UInt8.self, repeating: 0, count: zeros)
        do throws(SystemCallError) {
            let segment = try segmentWithRoom(for: stride)
            encodeHeader(count, length, segment)
            block.truncate(to: segment.file.capacity - position)
            try files.write(segment.file.descriptor, block.bytes, position)
            block.truncate(to: stride)
            let start = ContinuousClock.now
            do throws(SystemCallError) {
                try files.synchronize(segment.file.descriptor)
            } catch { return fail(error) }
            lastSynchronization = ContinuousClock.now - start
            return nil
        } catch {
            // Nothing whole was written: the next commit goes to the same place.
            if let segment { index.state.withLock { _ in segment.written = segment.file.capacity } }
            return error.isFull ? .full(error.description) : fail(error)
        }
    }

    private func fail(_ error: SystemCallError) -> StoreError {
        logger.critical("the log failed, no more appends are taken", metadata: ["error": "\(error)"])
        let failure = StoreError.failed(error.description)
        self.failure = failure
        return failure
    }

    private func encodeHeader(_ count: Int, _ length: Int, _ segment: Segment) {
        let body = block.bytes.part(CommitHeader.size..<length)
        CommitHeader(
            entryCount: UInt32(count), storeTag: storeTag, logNumber: segment.logNumber,
            commitNumber: lastCommit + 1, segmentID: segment.file.id, length: UInt32(length),
            bodyChecksum: Checksum.crc32c(body)
        ).encode(into: block.base)
    }

    private func segmentWithRoom(for length: Int) throws(SystemCallError) -> Segment {
        if let segment, position + length <= segment.file.capacity { return segment }
        let inUse = index.state.withLock { $0.segments.count }
        guard inUse < configuration.maximumSegments else {
            throw SystemCallError(call: "the log has its maximum of segments; append", code: SystemCallError.noRoom)
        }
        let file = try pool.take(atLeast: length)
        seal()
        lastLogNumber += 1
        let segment = Segment(file: file, logNumber: lastLogNumber)
        self.segment = segment
        position = 0
        return segment
    }

    /// Hands the current segment to the mover; the next commit starts another.
    func seal() {
        guard let segment else { return }
        self.segment = nil
        if lastCommitIn(segment) == 0 {
            // Nothing durable is in it: a commit failed half way, and its bytes must not stay.
            try? pool.recycle(segment.usedFile, isToBeZeroed: true)
        } else {
            mover.add(sealed: segment)
        }
    }

    private func lastCommitIn(_ segment: Segment) -> UInt64 { index.state.withLock { _ in segment.lastCommit } }

    /// Makes the commit visible to reads.
    func publish(from start: Int) {
        guard let segment else { preconditionFailure("a commit was stored in no segment") }
        lastCommit += 1
        var erased = 0
        index.state.withLock { state in
            for (position, placement) in placements.enumerated() where placement.length > 0 {
                let entry = entries[start + position]
                switch batch[start + position] {
                case .append(let append, _): publish(append, placement, entry, segment)
                case .erase(let stream, _):
                    erased += 1
                    entry.erase()
                    state.damage[stream] = nil
                case .finished: break
                }
                state.metrics.appends += 1
            }
            state.metrics.commits += 1
            state.metrics.synchronizations += 1
            state.metrics.bytes += block.count
            state.segments[segment.logNumber] = segment
            segment.used = position + block.count
            segment.written = max(segment.written, segment.used + CommitHeader.endMark)
            segment.lastCommit = lastCommit
        }
        position += block.count
        if erased > 0 {
            pool.beginErasing(erased)
            seal()
        }
    }

    private func publish(
        _ append: LogAppend, _ placement: CommitPlacement, _ entry: StreamEntry, _ segment: Segment
    ) {
        // Damage may have been found meanwhile; it stays.
        if entry.state == .absent { entry.state = .live }
        entry.tail = append.tail.rawValue
        entry.stretches.append(
            Stretch(
                before: append.expecting.rawValue, last: append.tail.rawValue, logNumber: segment.logNumber,
                offset: UInt32(position + placement.offset), length: UInt32(placement.length),
                payloadBytes: UInt32(placement.payloadBytes)))
        if let summary = append.summary {
            entry.summary = summary
            entry.summaryLog = segment.logNumber
        }
        segment.records += append.records.count
    }
}
