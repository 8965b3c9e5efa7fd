import NIOCore
import ThroughlineCore
import ThroughlineEngine

extension StreamService {
    /// `GET /v1/stream?live=sse&stream=a&offset=-1&stream=b&offset=now`: several streams on one connection.
    func join(_ request: StreamRequest, _ mailbox: Mailbox, _ completion: @escaping Completion) throws(Refusal) {
        let target = request.target
        guard try target.parameter("live") == "sse" else {
            throw Refusal(.fieldInvalid, "Several streams are read with live=sse.")
        }
        let paths = try joinedPaths(target)
        let asked = target.parameters("offset")
        let last = try number("last", target, asked.first)
        let until = try until(target, "sse")
        let resumed = request.fields.lastEventID.flatMap { JoinedOffsets($0) }
            .flatMap { $0.offsets.count == paths.count ? $0.offsets : nil }
        guard !asked.isEmpty || last != nil || resumed != nil else {
            throw Refusal(.fieldMissing, "A live read has an offset: -1 for the start, now for the end.")
        }
        guard asked.count <= 1 || asked.count == paths.count else {
            throw Refusal(.fieldInvalid, "offset stands once, for all streams, or once for each of them.")
        }
        for offset in asked { _ = try StreamTarget.offset(offset, tail: .start) }
        gather(paths[...], request.participant) { found in
            var places: [JoinedFeed.Place] = []
            do throws(Refusal) {
                for (index, path) in paths.enumerated() {
                    let offset = asked.count > 1 ? asked[index] : asked.first
                    places.append(
                        try place(path, found[index], offset, last, until, resumed.map { $0[index] }))
                }
            } catch { return completion(.whole(StreamReply(error))) }
            completion(.events(StreamReply(200, Self.feedHeaders), JoinedFeed(self, places, mailbox)))
        }
    }

    private func joinedPaths(_ target: StreamTarget) throws(Refusal) -> [StreamPath] {
        var paths: [StreamPath] = []
        for text in target.parameters("stream") {
            guard let path = StreamPath(text) else { throw StreamTarget.illegalPath }
            guard !paths.contains(path) else { throw Refusal(.fieldInvalid, "The stream \(path) stands twice.") }
            paths.append(path)
        }
        guard paths.count <= limits.joinedStreams else {
            throw Refusal(.fieldInvalid, "At most \(limits.joinedStreams) streams are read on one connection.")
        }
        return paths
    }

    private typealias Finding = Result<(StreamSource, StreamStanding), Refusal>

    /// Finds all of them, one after the other.
    private func gather(
        _ paths: ArraySlice<StreamPath>, _ participant: Participant, found: [Finding] = [],
        then completion: @escaping @Sendable ([Finding]) -> Void
    ) {
        guard let first = paths.first else { return completion(found) }
        find(first, participant) { gather(paths.dropFirst(), participant, found: found + [$0], then: completion) }
    }

    /// - Parameter resumed: Where a reader was who comes back; the offset inside is `nil` for a stream whose end it was told.
    private func place(
        _ path: StreamPath, _ found: Finding, _ asked: String?, _ last: UInt64?, _ until: Bool,
        _ resumed: StreamOffset??
    ) throws(Refusal) -> JoinedFeed.Place {
        if case .some(nil) = resumed { return JoinedFeed.Place(path, .over) }
        switch found {
        case .success(let (source, standing)):
            let from = if let place = resumed ?? nil { place } else { try standing.place(asked, last: last) }
            return JoinedFeed.Place(
                path,
                .reading(
                    StreamReading(
                        source: source, standing: standing, from: from, isNow: false, end: until ? standing.tail : nil,
                        cursor: nil, ifNoneMatch: nil)))
        case .failure(let refusal):
            // Who comes back is told that it is gone, and gets the others.
            if resumed != nil, refusal.code.status == 404 || refusal.code.status == 410 {
                return JoinedFeed.Place(path, .gone(refusal))
            }
            throw refusal
        }
    }
}
