import ThroughlineCore

/// The version of the format of a data folder.
///
/// It stands in `identity`, where every version looks first, and as `user_version` in the archive, where it changes together
/// with the tables. 1: the first. 2: `checkpoints`. 3: gaps where records
/// were let go.
enum StoreFormat {
    static let version = 3

    static func refusal(_ found: Int) -> StoreError {
        .failed(
            "the data folder has format \(found), and this version of Throughline knows formats up to \(version): "
                + "start the version that wrote it, or a newer one")
    }
}
