import NIOCore
import Synchronization
import ThroughlineCore
import ThroughlineEngine

/// The protocol's own paths, below `__ds`: subscriptions and the key that signs their webhooks.
struct SubscriptionService: Sendable {
    typealias Completion = @Sendable (StreamReply) -> Void

    let streams: StreamEngine
    let isDevelopment: Bool

    /// What a path below the root names.
    enum Place: Equatable {
        case keys
        case subscription(String)
        case streams(String)
        case stream(String, StreamPath)
        case callback(String)
        case claim(String)
        case acknowledgement(String)
        case release(String)

        /// `nil` where it is none of the protocol's.
        init?(_ target: StreamTarget) {
            guard target.isReserved else { return nil }
            let pieces = target.rawPath.cut(at: "/").map { String($0) }
            if pieces == [StreamPath.reserved, "jwks.json"] {
                self = .keys
                return
            }
            guard pieces.count >= 3, pieces[1] == "subscriptions",
                let id = QueryText.decode(Substring(pieces[2])), (1...128).contains(id.utf8.count),
                id.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") })
            else { return nil }
            switch (pieces.count, pieces.dropFirst(3).first) {
            case (3, _): self = .subscription(id)
            case (4, "streams"): self = .streams(id)
            case (5..., "streams"):
                guard let path = StreamTarget.path(ofURL: pieces[4...].joined(separator: "/")) else { return nil }
                self = .stream(id, path)
            case (4, "callback"): self = .callback(id)
            case (4, "claim"): self = .claim(id)
            case (4, "ack"): self = .acknowledgement(id)
            case (4, "release"): self = .release(id)
            default: return nil
            }
        }

        /// Whether a token of its own lets in, or nothing has to: then the server's keys are not asked for.
        var isOpen: Bool {
            switch self {
            case .keys, .callback, .acknowledgement, .release: true
            case .subscription, .streams, .stream, .claim: false
            }
        }
    }

    func answer(_ request: StreamRequest, _ body: [UInt8], then completion: @escaping Completion) {
        guard let place = Place(request.target) else {
            return completion(Self.problem(404, "NOT_FOUND", "There is nothing here below __ds."))
        }
        switch (request.method, place) {
        case (.get, .keys), (.head, .keys): keySet(completion)
        case (.put, .subscription(let id)): create(id, request, body, completion)
        case (.get, .subscription(let id)), (.head, .subscription(let id)):
            withSubscription(id, completion) { show($0, 200, completion) }
        case (.delete, .subscription(let id)):
            withSubscription(id, completion) { streams.unsubscribe($0) { Self.finish($0, completion) } }
        case (.post, .streams(let id)):
            withSubscription(id, completion) { held in
                guard let paths = SubscriptionBody(body).paths("streams"), !paths.isEmpty else {
                    return completion(Self.problem(400, "INVALID_REQUEST", #"Send {"streams": ["a/b"]}."#))
                }
                streams.follow(paths, by: held) { Self.finish($0, completion) }
            }
        case (.delete, .stream(let id, let path)):
            withSubscription(id, completion) { held in
                streams.unfollow(path, by: held) { Self.finish($0, completion) }
            }
        case (.post, .claim(let id)):
            withSubscription(id, completion) { claim($0, body, completion) }
        case (.post, .callback(let id)), (.post, .acknowledgement(let id)):
            withWord(id, request, body, completion) { held, word in
                streams.acknowledge(word, of: held) { result, refusal in
                    Self.finish(result, refusal, completion) { hasMore in
                        StreamReply(
                            200, Self.json,
                            body: ByteBuffer(
                                bytes: JSONWriter.object {
                                    $0.key("ok")
                                    $0.boolean(true)
                                    $0.key("next_wake")
                                    $0.boolean(hasMore)
                                }))
                    }
                }
            }
        case (.post, .release(let id)):
            withWord(id, request, body, completion) { held, word in
                streams.release(word, of: held) { result, refusal in
                    Self.finish(result, refusal, completion) { StreamReply(204) }
                }
            }
        default:
            completion(Self.problem(405, "METHOD_NOT_ALLOWED", "This path does not take \(request.method.rawValue)."))
        }
    }

    // MARK: Subscriptions

    private func create(
        _ id: String, _ request: StreamRequest, _ body: [UInt8], _ completion: @escaping Completion
    ) {
        let settings: SubscriptionSettings
        do throws(SubscriptionBody.Complaint) {
            settings = try SubscriptionBody(body).settings(isDevelopment: isDevelopment)
        } catch { return completion(Self.problem(400, error.code, error.text)) }
        streams.subscribe(id, settings, origin: request.origin) { result in
            switch result {
            case .failure(let refusal): completion(StreamReply(refusal))
            case .success(nil):
                completion(
                    Self.problem(
                        409, "SUBSCRIPTION_ALREADY_EXISTS", "The subscription exists with another configuration."))
            case .success(let (isNew, held)?): show(held, isNew ? 201 : 200, completion)
            }
        }
    }

    private func show(_ held: HeldSubscription, _ status: Int, _ completion: @escaping Completion) {
        let standing = streams.standing(of: held)
        withKeys(completion) { keys in
            completion(StreamReply(status, Self.json, body: ByteBuffer(bytes: standing.encoded(keys))))
        }
    }

    private func keySet(_ completion: @escaping Completion) {
        withKeys(completion) { keys in
            completion(
                StreamReply(
                    200,
                    [("content-type", "application/jwk-set+json"), ("cache-control", "public, max-age=300")],
                    body: ByteBuffer(bytes: keys.keySet)))
        }
    }

    private func claim(_ held: HeldSubscription, _ body: [UInt8], _ completion: @escaping Completion) {
        guard let worker = SubscriptionBody(body).text("worker"), (1...256).contains(worker.utf8.count) else {
            return completion(Self.problem(400, "INVALID_REQUEST", #"Send {"worker": "name"}."#))
        }
        withKeys(completion) { keys in
            streams.claim(held, by: worker) { result, refusal in
                Self.finish(result, refusal, completion) { standing in
                    StreamReply(200, Self.json, body: ByteBuffer(bytes: standing.claimed(keys)))
                }
            }
        }
    }

    // MARK: What they have in common

    private func withSubscription(
        _ id: String, _ completion: @escaping Completion, _ body: (HeldSubscription) -> Void
    ) {
        guard let held = streams.subscription(id) else {
            return completion(Self.problem(404, "SUBSCRIPTION_NOT_FOUND", "There is no subscription \(id)."))
        }
        body(held)
    }

    /// What a worker says, once its token was looked at.
    private func withWord(
        _ id: String, _ request: StreamRequest, _ body: [UInt8], _ completion: @escaping Completion,
        _ then: @escaping @Sendable (HeldSubscription, WorkerWord) -> Void
    ) {
        withSubscription(id, completion) { held in
            withKeys(completion) { keys in
                guard let token = BearerKey.read(request.fields.authorization),
                    let generation = keys.generation(of: token, for: id)
                else {
                    return completion(Self.problem(401, "TOKEN_INVALID", "The token is none of this subscription's."))
                }
                do throws(SubscriptionBody.Complaint) {
                    then(held, try SubscriptionBody(body).word(tokenGeneration: generation))
                } catch { completion(Self.problem(400, error.code, error.text)) }
            }
        }
    }

    private func withKeys(_ completion: @escaping Completion, _ then: @escaping @Sendable (SubscriptionKeys) -> Void) {
        streams.keys { result in
            switch result {
            case .success(let keys): then(keys)
            case .failure(let refusal): completion(StreamReply(refusal))
            }
        }
    }

    private static let json = [
        (name: "content-type", value: "application/json"), (name: "cache-control", value: "no-store"),
    ]

    private static func finish(_ refusal: Refusal?, _ completion: Completion) {
        completion(refusal.map { StreamReply($0) } ?? StreamReply(204))
    }

    private static func finish<Value>(
        _ result: Result<Value, SubscriptionError>, _ refusal: Refusal?, _ completion: Completion,
        _ success: (Value) -> StreamReply
    ) {
        if let refusal { return completion(StreamReply(refusal)) }
        switch result {
        case .success(let value): completion(success(value))
        case .failure(let error): completion(problem(error))
        }
    }

    /// An error as the protocol writes it, in problem details.
    static func problem(
        _ status: Int, _ code: String, _ text: String, _ more: (inout JSONWriter) -> Void = { _ in }
    ) -> StreamReply {
        let body = JSONWriter.object {
            $0.field("type", "urn:throughline:error:" + code.lowercased())
            $0.field("title", code.lowercased().replacing("_", with: " "))
            $0.field("status", status)
            $0.field("code", code.lowercased())
            $0.field("detail", text)
            $0.key("error")
            $0.object {
                $0.field("code", code)
                $0.field("message", text)
                more(&$0)
            }
        }
        return StreamReply(
            status, [("content-type", "application/problem+json"), ("cache-control", "no-store")],
            body: ByteBuffer(bytes: body))
    }

    private static func problem(_ error: SubscriptionError) -> StreamReply {
        switch error {
        case .fenced: problem(409, error.code, "The wake is over, or another worker has it.")
        case .claimed(let holder, let generation):
            problem(409, error.code, "Another worker has claimed it.") {
                $0.field("current_holder", holder)
                $0.field("generation", generation)
            }
        case .nothingPending: problem(409, error.code, "All was acknowledged.")
        case .offset(let text): problem(409, error.code, text)
        case .notPullWake: problem(400, error.code, "The subscription is not of the type pull-wake.")
        case .notFound: problem(404, error.code, "The subscription was deleted.")
        }
    }
}

extension StreamEngine {
    /// The keys, made of the secret in the store.
    func keys(then completion: @escaping @Sendable (Result<SubscriptionKeys, Refusal>) -> Void) {
        secret { result in
            completion(
                result.flatMap { secret in Result { () throws(Refusal) in try SubscriptionKeys(secret: secret) } })
        }
    }
}
