/// An input that comes with the run that answers it: what a gateway's caller sends.
public struct Exchange: Sendable {
    /// A message from before the session knew of the conversation.
    public struct Seed: Sendable {
        public var message: MessageID
        public var role: MessageRole
        public var parts: [(id: PartID, head: PartHead, text: [UInt8])]

        public init(message: MessageID, role: MessageRole, parts: [(id: PartID, head: PartHead, text: [UInt8])]) {
            self.message = message
            self.role = role
            self.parts = parts
        }
    }

    /// Written only into a session without inputs and messages.
    public var seeds: [Seed]
    public var input: InputID
    public var parts: [InputPart]
    /// Its `inputs` are set by the machine.
    public var run: RunRequest

    public init(seeds: [Seed], input: InputID, parts: [InputPart], run: RunRequest) {
        self.seeds = seeds
        self.input = input
        self.parts = parts
        self.run = run
    }
}

extension SessionMachine {
    /// Adds the input and starts its run, in one go, so that no other agent takes it. An input that is known already leads to
    /// its run; one that was stopped or withdrawn before it had a run is refused.
    public mutating func begin(_ exchange: Exchange, by: Participant, at: Timestamp) throws(Refusal) -> RunID {
        if let input = inputs[exchange.input] {
            if let run = input.run { return run }
            guard input.state == .queued else {
                throw Refusal(
                    .inputNotQueued, "The input \(exchange.input) is \(input.state.rawValue). Use another id.")
            }
        }
        try requireOpen()
        var request = exchange.run
        request.inputs = []
        try checkExchange(exchange, request)
        if inputs.count == 0, messages.count == 0 {
            for seed in exchange.seeds { write(seed, at: at) }
        }
        if inputs[exchange.input] == nil {
            let place = try place(replacing: nil, isRegeneration: false)
            emit(
                .inputAdded(
                    .init(id: exchange.input, agent: request.agent, parts: exchange.parts, place: place)), by: by,
                at: at)
            if cancelIfAwaited(exchange.input, at: at) {
                throw Refusal(.inputNotQueued, "The input \(exchange.input) was stopped before it came.")
            }
        }
        request.inputs = [exchange.input]
        _ = try startRun(request, by: .agent(request.agent), at: at)
        return request.id
    }

    /// Everything that could refuse, before anything is emitted.
    private func checkExchange(_ exchange: Exchange, _ request: RunRequest) throws(Refusal) {
        try requireNoBaton()
        guard runs[request.id] == nil else { throw Refusal(.runExists, "There is a run \(request.id) already.") }
        guard hasRoomForRun else {
            throw Refusal(.tooMany, "\(limits.activeRuns) runs are active. Wait until one ends.")
        }
    }

    private mutating func write(_ seed: Exchange.Seed, at: Timestamp) {
        emit(.messageStarted(id: seed.message, run: nil, role: seed.role, parent: nil), by: .server, at: at)
        for part in seed.parts {
            emit(.partStarted(id: part.id, message: seed.message, head: part.head), by: .server, at: at)
            if !part.text.isEmpty {
                emit(.partAppended(id: part.id, run: nil, offset: 0, text: part.text), by: nil, at: at)
            }
            emit(.partEnded(id: part.id, status: .complete), by: .server, at: at)
        }
        emit(.messageEnded(id: seed.message, status: .complete), by: .server, at: at)
    }
}
