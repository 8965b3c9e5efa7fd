import ThroughlineCore

/// The JSON that requests on subscriptions bring.
struct SubscriptionBody {
    /// What is wrong with it.
    struct Complaint: Error {
        var code = "INVALID_REQUEST"
        var text: String
    }

    private let value: JSONValue?
    private static let maximumStreams = 1_000

    init(_ body: [UInt8]) {
        value = try? JSONDocument.parse(body)
    }

    func text(_ name: StaticString) -> String? { value?[name]?.string }

    /// The paths of a list; `nil` where it is none of paths.
    func paths(_ name: StaticString) -> [StreamPath]? {
        guard let list = value?[name] else { return [] }
        guard list.kind == .array, list.count <= Self.maximumStreams else { return nil }
        let paths = list.elements.map { $0.string.flatMap { StreamTarget.path(ofURL: $0) } }
        return paths.contains(nil) ? nil : paths.compactMap { $0 }
    }

    func settings(isDevelopment: Bool) throws(Complaint) -> SubscriptionSettings {
        guard let value, value.kind == .object else { throw Complaint(text: "The body is a JSON object.") }
        guard let paths = paths("streams") else {
            throw Complaint(text: "streams is a list of at most \(Self.maximumStreams) paths.")
        }
        var pattern: StreamPattern?
        if let text = value["pattern"], !text.isNull {
            pattern = text.string.flatMap { StreamPattern($0.hasPrefix("/") ? String($0.dropFirst()) : $0) }
            guard pattern != nil else { throw Complaint(text: "pattern is a path in which * and ** may stand.") }
        }
        guard pattern != nil || !paths.isEmpty else { throw Complaint(text: "Send pattern, streams, or both.") }
        let lease = value["lease_ttl_ms"].map { $0.isNull ? SubscriptionSettings.defaultLease : $0.integer ?? 0 }
        guard let lease = lease ?? SubscriptionSettings.defaultLease as Int64?,
            SubscriptionSettings.leases.contains(lease)
        else { throw Complaint(text: "lease_ttl_ms is from 1000 to 600000.") }
        let description = value["description"]?.string
        guard (description?.utf8.count ?? 0) <= 1_024 else {
            throw Complaint(text: "description has 1,024 bytes at most.")
        }
        return SubscriptionSettings(
            delivery: try delivery(value, isDevelopment: isDevelopment), pattern: pattern, streams: paths,
            leaseMilliseconds: lease, description: description)
    }

    private func delivery(
        _ value: JSONValue, isDevelopment: Bool
    ) throws(Complaint) -> SubscriptionSettings.Delivery {
        switch value["type"]?.string {
        case "webhook":
            guard let url = value["webhook"]?["url"]?.string else {
                throw Complaint(text: "A webhook subscription has webhook.url.")
            }
            if let objection = WebhookTarget.objection(to: url, isDevelopment: isDevelopment) {
                throw Complaint(code: "WEBHOOK_URL_REJECTED", text: objection)
            }
            return .webhook(url)
        case "pull-wake":
            guard let path = value["wake_stream"]?.string.flatMap({ StreamTarget.path(ofURL: $0) }) else {
                throw Complaint(text: "A pull-wake subscription has wake_stream, a stream's path.")
            }
            return .pullWake(path)
        default: throw Complaint(text: "type is webhook or pull-wake.")
        }
    }

    func word(tokenGeneration: UInt64) throws(Complaint) -> WorkerWord {
        guard let value, let wake = value["wake_id"]?.string, let generation = value["generation"]?.integer,
            generation >= 0
        else { throw Complaint(text: "Send wake_id and generation.") }
        var acknowledged: [(path: StreamPath, offset: StreamOffset)] = []
        if let acks = value["acks"], !acks.isNull {
            guard acks.kind == .array else { throw Complaint(text: "acks is a list.") }
            for ack in acks.elements {
                guard let path = (ack["stream"] ?? ack["path"])?.string.flatMap({ StreamTarget.path(ofURL: $0) }),
                    let offset = ack["offset"]?.string.flatMap({ StreamOffset($0) })
                else { throw Complaint(code: "INVALID_OFFSET", text: "An ack has stream and offset.") }
                acknowledged.append((path, offset))
            }
        }
        return WorkerWord(
            tokenGeneration: tokenGeneration, wake: wake, generation: UInt64(generation), acknowledged: acknowledged,
            isDone: value["done"]?.boolean ?? false)
    }
}
