/// A way that nearly every token or reader takes, with a fixed amount of work on it.
struct HotPath {
    let name: String
    /// How many operations one turn does.
    let operations: Int
    /// Builds what is needed and returns one turn of the work. The first turn is not counted.
    let prepare: () throws -> () throws -> Void

    init(_ name: String, operations: Int, prepare: @escaping () throws -> () throws -> Void) {
        self.name = name
        self.operations = operations
        self.prepare = prepare
    }

    static var all: [HotPath] {
        [frames, appends, writes, engine, commits, pages, deliveries, replay]
    }
}

/// Stops the process: a count of work that was not done says nothing.
func expect(_ condition: Bool, _ what: @autoclosure () -> String) {
    if !condition { fatalError(what()) }
}
