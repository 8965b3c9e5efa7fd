import Logging
import Synchronization
public import ThroughlineCore

extension StreamEngine {
    private static let secretStream = StreamID("system/streams-secret")

    /// Thirty-two random bytes that stay the same as long as the data does: what signs webhooks and makes tokens is made of them.
    public func secret(then completion: @escaping @Sendable (Result<[UInt8], Refusal>) -> Void) {
        pool.run(for: Self.secretStream) { [self] in
            do throws(StoreError) {
                let records = try store.read(Self.secretStream, after: .zero, limit: ReadLimit(records: 1))
                if let secret = records.first?.payload { return completion(.success(secret)) }
            } catch { return completion(.failure(Refusal(error))) }
            let secret = environment.randomBytes(32)
            let record = LogRecord(kind: .event, sequence: SequenceNumber(1), at: environment.now(), payload: secret)
            store.append(LogAppend(stream: Self.secretStream, expecting: .zero, records: [record])) { [self] result in
                postman.beginCommit()
                switch result {
                case .success: completion(.success(secret))
                // Another request was faster.
                case .failure(.conflict): self.secret(then: completion)
                case .failure(let error): completion(.failure(Refusal(error)))
                }
            }
        }
    }
}
