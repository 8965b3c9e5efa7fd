import Foundation
import GRDB
import Glibc
public import ThroughlineCore

/// What a repair did.
public struct RepairOutcome: Sendable {
    /// What was found before.
    public var before: FolderReport
    /// What is found afterwards: at best only streams that stay quarantined.
    public var after: FolderReport
    /// The folder, inside the data folder, with a copy of every file that was changed; `nil` when nothing was.
    public var copies: String?
    /// Whether the store got a new identity, since the old one could not be read.
    public var hasNewIdentity = false
}

extension DataFolder {
    /// Mends what can be mended, and quarantines the rest, so that the server serves all else.
    ///
    /// Every row and every commit that still reads is written to a new archive, which then takes the place of the old one.
    /// The streams of what does not read are marked: they answer `corrupt`. A copy of each file that changes is made before.
    ///
    /// - Parameter now: Names the folder of the copies.
    public func repair(
        now: Timestamp, progress: @escaping (String) -> Void = { _ in }
    ) throws(StoreError) -> RepairOutcome {
        try withLock { () throws(StoreError) in
            do {
                let inspection = try FolderInspection(path, files, progress: progress)
                let before = inspection.report
                guard before.findings.contains(where: { $0.severity != .quarantined }) else {
                    return RepairOutcome(before: before, after: before)
                }
                let repair = FolderRepair(folder: path, files: files, found: inspection, progress: progress)
                let copies = try repair.copyAside(name: "damaged-" + Self.stamp(now))
                try repair.rebuild()
                progress("verifying the result")
                let after = try FolderInspection(path, files, progress: { _ in }).report
                return RepairOutcome(
                    before: before, after: after, copies: copies, hasNewIdentity: inspection.identity == nil)
            } catch { throw StoreError(archive: error) }
        }
    }

    private static func stamp(_ now: Timestamp) -> String {
        let date = Date(timeIntervalSince1970: Double(now.rawValue) / 1000)
        return date.formatted(
            .verbatim(
                "\(year: .defaultDigits)\(month: .twoDigits)\(day: .twoDigits)T\(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased))\(minute: .twoDigits)\(second: .twoDigits)Z",
                locale: Locale(identifier: "en_US_POSIX"), timeZone: .gmt, calendar: .init(identifier: .gregorian)))
    }
}
