import Foundation

/// What a program writes into a pipe, line by line, until it closes it.
func lines(of pipe: FileHandle) -> AsyncStream<String> {
    AsyncStream { continuation in
        let reader = Thread {
            var text: [UInt8] = []
            while true {
                let data = pipe.availableData
                if data.isEmpty { break }
                text += data
                while let end = text.firstIndex(of: UInt8(ascii: "\n")) {
                    continuation.yield(String(decoding: text[..<end], as: UTF8.self))
                    text.removeFirst(end + 1)
                }
            }
            continuation.finish()
        }
        reader.start()
    }
}
