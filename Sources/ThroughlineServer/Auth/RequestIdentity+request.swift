import HTTPTypes
public import Hummingbird
public import ThroughlineCore

extension RequestIdentity {
    /// From the header `Throughline-Participant`, or the query's `as`.
    public static func participant(of request: Request) throws -> Participant {
        let stated = request.headers[.throughlineParticipant] ?? request.uri.queryParameters["as"].map(String.init)
        return try parse(stated, key: keyName)
    }
}

extension HTTPField.Name {
    static let throughlineParticipant = HTTPField.Name("Throughline-Participant")!
    static let runLease = HTTPField.Name("Run-Lease")!
    static let writeSeq = HTTPField.Name("Write-Seq")!
    static let lastEventID = HTTPField.Name("Last-Event-ID")!
    static let xAccelBuffering = HTTPField.Name("X-Accel-Buffering")!
}
