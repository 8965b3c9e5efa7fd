import Hummingbird

/// Every route: verb, path and handler.
struct Routes: Sendable {
    let sessions: SessionController
    let inputs: InputController
    let runs: RunController
    let events: EventController
    let status: StatusController
    let chat: ChatController
    let page: PageController

    func add(to router: Router<BasicRequestContext>) {
        router.get("/health", use: status.health)
        router.get("/ready", use: status.ready)
        router.get("/metrics", use: status.metrics)

        router.get("/v1/sessions", use: sessions.list)
        router.post("/v1/sessions", use: sessions.create)
        router.put("/v1/sessions/{session}", use: sessions.put)
        router.get("/v1/sessions/{session}", use: sessions.show)
        router.patch("/v1/sessions/{session}", use: sessions.patch)
        router.delete("/v1/sessions/{session}", use: sessions.erase)
        router.get("/v1/sessions/{session}/events", use: events.read)

        router.post("/v1/sessions/{session}/inputs", use: inputs.add)
        router.patch("/v1/sessions/{session}/inputs/{input}", use: inputs.update)
        router.delete("/v1/sessions/{session}/inputs/{input}", use: inputs.withdraw)
        router.post("/v1/sessions/{session}/commands", use: inputs.command)

        router.post("/v1/work", use: runs.work)
        router.post("/v1/sessions/{session}/runs", use: runs.start)
        router.post("/v1/sessions/{session}/runs/{run}/events", use: runs.write)
        router.post("/v1/sessions/{session}/runs/{run}/heartbeat", use: runs.heartbeat)
        router.post("/v1/sessions/{session}/runs/{run}/end", use: runs.end)
        router.get("/v1/sessions/{session}/runs/{run}/stream", use: chat.runStream)

        router.post("/v1/chat/completions", use: chat.completions)
        router.get("/v1/models", use: chat.models)
        router.get("/v1/connect", use: status.upgradeRequired)

        router.get("/", use: page.show)
        router.get("/index.html", use: page.show)
        router.get("/client/**", use: page.show)
        router.get("/page/**", use: page.show)
    }
}
