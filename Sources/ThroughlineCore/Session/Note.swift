/// What the server keeps beside events and shows to nobody: positions of writers, lease tokens, frames of a gateway.
///
/// Stored as a compact JSON object in a record's `note`.
public struct Note: Hashable, Sendable {
    public var run: RunID?
    /// The `Write-Seq` that this record completes.
    public var write: UInt64?
    /// The token of the lease that started with this record.
    public var token: String?
    /// Who was given that token; absent in records from before it was kept.
    public var heldBy: Participant?
    public var work: WorkID?
    /// The request that brought this token, where it took a run over.
    public var adoption: WorkID?
    /// One frame of the run's output in its caller's own format.
    public var frame: [UInt8]?
    /// How far somebody has read.
    public var read: ReadMark?
    /// Whether anybody watches.
    var viewing: Viewing?

    public init(
        run: RunID? = nil, write: UInt64? = nil, token: String? = nil, heldBy: Participant? = nil,
        work: WorkID? = nil, adoption: WorkID? = nil, frame: [UInt8]? = nil, read: ReadMark? = nil
    ) {
        self.run = run
        self.write = write
        self.token = token
        self.heldBy = heldBy
        self.work = work
        self.adoption = adoption
        self.frame = frame
        self.read = read
    }

    init(viewing: Viewing) { self.viewing = viewing }

    public var encoded: [UInt8] {
        JSONWriter.object {
            $0.field("run", run?.value)
            if let write { $0.field("write", write) }
            $0.field("token", token)
            if let heldBy {
                $0.key("holder")
                heldBy.write(to: &$0)
            }
            $0.field("work", work?.value)
            $0.field("adoption", adoption?.value)
            if let frame {
                $0.key("frame")
                $0.string(frame)
            }
            if let read {
                $0.key("read")
                read.write(to: &$0)
            }
            viewing?.write(to: &$0)
        }
    }

    /// `nil` for an empty note and for bytes that are none.
    public init?(stored bytes: [UInt8]) {
        guard !bytes.isEmpty, let value = try? JSONDocument.parse(bytes) else { return nil }
        self.init(
            run: value.id("run"), write: value["write"]?.integer.flatMap(UInt64.init(exactly:)),
            token: value["token"]?.string, heldBy: Participant(stored: value["holder"]),
            work: value.id("work"), adoption: value.id("adoption"), frame: value["frame"]?.textBytes,
            read: ReadMark(stored: value["read"]))
        viewing = Viewing(stored: value["watched"])
    }
}
