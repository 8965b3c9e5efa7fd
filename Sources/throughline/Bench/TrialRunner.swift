/// Runs one trial on a server of its own, with a new folder.
struct TrialRunner {
    let workshop: Workshop
    let seconds: Double

    func run(_ trial: Trial) async throws -> LoadReport {
        let server = try await workshop.start(trial.server)
        switch trial.steps {
        case .load:
            let report = try await load(server, trial.load, watchesBacklog: trial.server == .ours)
            await server.stop()
            return report
        case .fillRestartLoad(let fill):
            _ = try await load(server, fill + ["--target", "ws"], watchesBacklog: false)
            await server.stop(keepsFolder: true)
            let again = try await workshop.start(trial.server, folder: server.folder)
            let report = try await load(again, trial.load, watchesBacklog: false)
            await again.stop()
            return report
        case .fillKillReady(let fill):
            var report = try await load(server, fill + ["--target", "ws"], watchesBacklog: false)
            await server.stop(keepsFolder: true, kills: true)
            report["folder_bytes"] = Double(workshop.size(of: server.folder))
            let began = ContinuousClock.now
            let again = try await workshop.start(trial.server, folder: server.folder)
            report["ready_seconds"] = (ContinuousClock.now - began) / .seconds(1)
            report.remarks.append(
                "the folder had \(Int(report["folder_bytes"] / 1e6)) MB when the server was killed")
            await again.stop()
            return report
        }
    }

    private func load(_ server: RunningServer, _ options: [String], watchesBacklog: Bool) async throws -> LoadReport {
        var arguments = options + ["--port", "\(server.port)", "--server", "\(server.process.processID)"]
        arguments += ["--seconds", "\(seconds)"]
        guard watchesBacklog else { return try await workshop.runLoad(arguments) }
        let watch = BacklogWatch(port: server.port)
        let sampling = Task { await watch.run() }
        defer { sampling.cancel() }
        var report = try await workshop.runLoad(arguments)
        sampling.cancel()
        if let growth = await watch.growth(from: report["from_ms"], to: report["to_ms"]) {
            report.remarks.append(growth)
        }
        return report
    }
}
