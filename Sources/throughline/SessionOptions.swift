import ArgumentParser
import Foundation

/// Which server, and who asks.
struct SessionOptions: ParsableArguments {
    @Option(help: "The server. Default: $THROUGHLINE_SERVER, or http://127.0.0.1:8080.")
    var server: String?

    @Option(help: "A key of the server. Default: $THROUGHLINE_KEY, which others on this machine cannot see.")
    var key: String?

    @Option(name: .customLong("as"), help: "Who you are: ada, or \"ada; role=operator; device=d1\".")
    var participant: String?

    var client: ServerClient {
        let environment = ProcessInfo.processInfo.environment
        var server = self.server ?? environment["THROUGHLINE_SERVER"] ?? "http://127.0.0.1:8080"
        while server.hasSuffix("/") { server.removeLast() }
        return ServerClient(
            server: server, key: key ?? environment["THROUGHLINE_KEY"], participant: participant)
    }
}
