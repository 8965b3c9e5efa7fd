/// Whether the entries of an index come in order.
struct IndexOrder {
    enum Part: Comparable {
        case number(Int64)
        case text(String)

        static func < (left: Part, right: Part) -> Bool {
            switch (left, right) {
            case (.number(let left), .number(let right)): left < right
            case (.text(let left), .text(let right)): left.utf8.lexicographicallyPrecedes(right.utf8)
            default: false
            }
        }
    }

    private var before: [Part]?
    private(set) var wrong: [SQLiteWalk.Place] = []

    mutating func fail(_ place: SQLiteWalk.Place) { wrong.append(place) }

    mutating func check(_ entry: [Part], _ place: SQLiteWalk.Place) {
        if let before, !before.lexicographicallyPrecedes(entry) { wrong.append(place) }
        before = entry
    }
}
