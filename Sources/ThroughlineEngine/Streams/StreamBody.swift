public import NIOCore
public import ThroughlineCore

/// Messages of a stream, put together as a reader gets them: those of a JSON stream in one array, others one behind the other.
public struct StreamBody {
    private let form: StreamForm
    private let largest: Int
    private var bytes: ByteBuffer
    private(set) var isEmpty = true

    /// - Parameter largest: How large it will be at most, in all likelihood.
    init(_ form: StreamForm, largest: Int = 0) {
        self.form = form
        self.largest = largest
        bytes = ByteBufferAllocator().buffer(capacity: min(largest, 4 << 10))
    }

    /// What a reader gets where there is no message.
    public static func empty(_ form: StreamForm) -> ByteBuffer {
        var body = StreamBody(form)
        return body.finish()
    }

    mutating func add(_ message: UnsafeRawBufferPointer) {
        // Where it outgrows the first little room, it gets all at once.
        if bytes.writableBytes < message.count + 2 { bytes.reserveCapacity(largest) }
        if form == .json { bytes.writeInteger(UInt8(ascii: isEmpty ? "[" : ",")) }
        isEmpty = false
        bytes.writeBytes(message)
    }

    mutating func add(_ message: Delivery) { message.bytes.withUnsafeBytes { add($0) } }

    /// All of it. Nothing is added afterwards.
    mutating func finish() -> ByteBuffer {
        if form == .json { bytes.writeStaticString(isEmpty ? "[]" : "]") }
        return bytes
    }
}
