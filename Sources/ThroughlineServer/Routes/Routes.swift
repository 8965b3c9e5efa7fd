import HTTPTypes
import Hummingbird
import ThroughlineCore

/// Every route: verb, path and handler.
struct Routes: Sendable {
    let sessions: SessionController
    let inputs: InputController
    let runs: RunController
    let requests: RequestController
    let presence: PresenceController
    let events: EventController
    let streams: StreamController
    let status: StatusController
    let backup: BackupController
    let chat: ChatController
    let page: PageController

    func add(to router: Router<BasicRequestContext>) {
        let router = RouteTable(router: router)
        defer { router.refuseOtherMethods() }
        router.get("/health", use: status.health)
        router.get("/ready", use: status.ready)
        router.get("/metrics", use: status.metrics)

        router.get("/v1/sessions", use: sessions.list)
        router.post("/v1/sessions", use: sessions.create)
        router.put("/v1/sessions/{session}", use: sessions.put)
        router.get("/v1/sessions/{session}", use: sessions.show)
        router.patch("/v1/sessions/{session}", use: sessions.patch)
        router.delete("/v1/sessions/{session}", use: sessions.erase)
        router.post("/v1/sessions/{session}/fork", use: sessions.fork)
        router.get("/v1/sessions/{session}/context", use: sessions.conversation)
        router.get("/v1/sessions/{session}/events", use: events.read)

        router.post("/v1/sessions/{session}/inputs", use: inputs.add)
        router.patch("/v1/sessions/{session}/inputs/{input}", use: inputs.update)
        router.delete("/v1/sessions/{session}/inputs/{input}", use: inputs.withdraw)
        router.post("/v1/sessions/{session}/inputs/{input}/regenerate", use: inputs.regenerate)
        router.post("/v1/sessions/{session}/branch", use: inputs.selectBranch)
        router.post("/v1/sessions/{session}/commands", use: inputs.command)

        router.get("/v1/sessions/{session}/requests/{request}", use: requests.show)
        router.post("/v1/sessions/{session}/requests/{request}/answer", use: requests.answer)

        router.post("/v1/sessions/{session}/messages", use: inputs.say)
        router.get("/v1/sessions/{session}/presence", use: presence.show)
        router.post("/v1/sessions/{session}/presence", use: presence.say)
        router.post("/v1/sessions/{session}/read", use: presence.read)

        router.post("/v1/work", use: runs.work)
        router.post("/v1/sessions/{session}/runs", use: runs.start)
        router.post("/v1/sessions/{session}/runs/{run}/events", use: runs.write)
        router.post("/v1/sessions/{session}/runs/{run}/heartbeat", use: runs.heartbeat)
        router.post("/v1/sessions/{session}/runs/{run}/end", use: runs.end)
        router.post("/v1/sessions/{session}/runs/{run}/adopt", use: runs.adopt)
        router.get("/v1/sessions/{session}/runs/{run}/stream", use: chat.runStream)

        router.get("/v1/stream", use: streams.answer)
        router.put("/v1/stream/**", use: streams.answer)
        router.post("/v1/stream/**", use: streams.answer)
        router.get("/v1/stream/**", use: streams.answer)
        router.head("/v1/stream/**", use: streams.answer)
        router.delete("/v1/stream/**", use: streams.answer)

        router.post("/v1/admin/backup", use: backup.backup)

        router.post("/v1/chat/completions", use: chat.completions)
        router.get("/v1/models", use: chat.models)
        router.get("/v1/connect", use: status.upgradeRequired)

        router.get("/", use: page.show)
        router.get("/index.html", use: page.show)
        router.get("/client/**", use: page.show)
        router.get("/page/**", use: page.show)
    }
}

/// Adds routes, and answers 405 for the methods that a path does not take.
private final class RouteTable {
    typealias Handler = @Sendable (Request, BasicRequestContext) async throws -> Response

    private static let known: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete]
    private let router: Router<BasicRequestContext>
    private var methods: [String: Set<HTTPRequest.Method>] = [:]

    init(router: Router<BasicRequestContext>) { self.router = router }

    func get(_ path: String, use handler: @escaping Handler) { add(.get, path, handler) }
    func head(_ path: String, use handler: @escaping Handler) { add(.head, path, handler) }
    func post(_ path: String, use handler: @escaping Handler) { add(.post, path, handler) }
    func put(_ path: String, use handler: @escaping Handler) { add(.put, path, handler) }
    func patch(_ path: String, use handler: @escaping Handler) { add(.patch, path, handler) }
    func delete(_ path: String, use handler: @escaping Handler) { add(.delete, path, handler) }

    private func add(_ method: HTTPRequest.Method, _ path: String, _ handler: @escaping Handler) {
        methods[path, default: []].insert(method)
        router.on(RouterPath(path), method: method, use: handler)
    }

    func refuseOtherMethods() {
        for (path, taken) in methods {
            let allowed = taken.map(\.rawValue).sorted().joined(separator: ", ")
            // HEAD comes with GET.
            for method in Self.known where !taken.contains(method) && !(method == .head && taken.contains(.get)) {
                router.on(RouterPath(path), method: method) { _, _ -> Response in
                    var response = Response(
                        refusal: Refusal(.methodNotAllowed, "This path takes \(allowed)."))
                    response.headers[.allow] = allowed
                    return response
                }
            }
        }
    }
}
