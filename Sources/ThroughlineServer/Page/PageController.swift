import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import ThroughlineCore

/// The chat page and the client module, held in memory.
struct PageController: Sendable {
    private struct File: Sendable {
        var bytes: ByteBuffer
        var type: String
        var tag: String
    }

    private let files: [String: File]

    /// Reads the files that came with the server.
    init() throws {
        let root = Bundle.module.bundleURL.appendingPathComponent("Resources")
        var files: [String: File] = [:]
        for path in try FileManager.default.subpathsOfDirectory(atPath: root.path) {
            let url = root.appendingPathComponent(path)
            guard let type = Self.types[url.pathExtension] else { continue }
            let data = try Data(contentsOf: url)
            files["/" + path] = File(bytes: ByteBuffer(bytes: data), type: type, tag: Self.tag(of: data))
        }
        files["/"] = files["/index.html"]
        self.files = files
    }

    func show(request: Request, context: some RequestContext) async throws -> Response {
        guard let file = files[request.uri.path] else {
            throw Refusal(.routeNotFound, "There is nothing here. docs/protocol.md lists the routes.")
        }
        var headers: HTTPFields = [
            .contentType: file.type, .eTag: file.tag, .cacheControl: "no-cache",
            .contentSecurityPolicy: Self.policy, .xContentTypeOptions: "nosniff",
        ]
        headers[HTTPField.Name("Referrer-Policy")!] = "no-referrer"
        if request.headers[.ifNoneMatch] == file.tag { return Response(status: .notModified, headers: headers) }
        return Response(status: .ok, headers: headers, body: .init(byteBuffer: file.bytes))
    }

    private static let policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    private static let types = [
        "html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8",
        "svg": "image/svg+xml", "ts": "text/plain; charset=utf-8", "webmanifest": "application/manifest+json",
    ]

    /// FNV-1a, 64 bits: it only has to change with the file.
    private static func tag(of data: Data) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in data { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return "\"" + String(hash, radix: 16) + "\""
    }
}
