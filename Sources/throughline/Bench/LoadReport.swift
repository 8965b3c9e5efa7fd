import Foundation

/// The line of JSON that the load client prints, and what was seen beside it.
struct LoadReport {
    private(set) var numbers: [String: Double] = [:]
    /// What makes the figures worthless.
    var problems: [String] = []
    var remarks: [String] = []

    init() {}

    /// - Parameter line: As the client printed it.
    init(_ line: String) throws {
        guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)),
            let members = object as? [String: Any]
        else { throw Failure("The load client said: \(line.prefix(300))") }
        for (name, value) in members {
            if let number = value as? NSNumber, name != "ok" { numbers[name] = number.doubleValue }
        }
        for name in Self.findings where self[name] > 0 { problems.append("\(Int(self[name])) \(name)") }
        if members["ok"] as? Bool != true, problems.isEmpty { problems.append("the load client found something wrong") }
    }

    /// Members that have to be zero: an acknowledgement that came twice, for nothing sent, or with a wrong tail; a refusal; what
    /// was never answered; what was acknowledged and is not there; what is there and is something else.
    private static let findings = [
        "repeated", "unsent", "wrong_tail", "refused", "unanswered", "missing", "altered",
    ]

    func has(_ name: String) -> Bool { numbers[name] != nil }

    subscript(name: String) -> Double {
        get { numbers[name] ?? 0 }
        set { numbers[name] = newValue }
    }
}
