import Foundation

/// A server of ours or a peer, on a port of its own, with a folder of its own.
struct RunningServer: Sendable {
    let process: ChildProcess
    let port: Int
    let folder: String

    /// Asks it to stop, and after ten seconds makes it.
    func stop(keepsFolder: Bool = false, kills: Bool = false) async {
        process.signal(kills ? SIGKILL : SIGTERM)
        let deadline = ContinuousClock.now + .seconds(10)
        while process.isRunning, ContinuousClock.now < deadline { try? await Task.sleep(for: .milliseconds(10)) }
        process.signal(SIGKILL)
        _ = await process.wait()
        if !keepsFolder { try? FileManager.default.removeItem(atPath: folder) }
    }
}
