/// Merge patches, RFC 7396.
public enum MergePatch {
    /// The target with the patch applied, compact.
    public static func apply(_ patch: JSONValue, to target: JSONValue?) -> [UInt8] {
        var writer = JSONWriter()
        write(patch, over: target, to: &writer)
        return writer.bytes
    }

    private static func write(_ patch: JSONValue, over target: JSONValue?, to writer: inout JSONWriter) {
        guard patch.kind == .object else { return writer.raw(patch.compact) }
        let names = (target?.members ?? []).map(\.name) + patch.members.map(\.name)
        let old = valuesByName(target)
        let changes = valuesByName(patch)
        var done: Set<[UInt8]> = []
        writer.object {
            for name in names {
                let bytes = Array(name.utf8)
                guard done.insert(bytes).inserted, changes[bytes]?.isNull != true else { continue }
                $0.key(name)
                if let change = changes[bytes] {
                    write(change, over: old[bytes], to: &$0)
                } else if let kept = old[bytes] {
                    $0.raw(kept.compact)
                }
            }
        }
    }

    /// By the bytes of the names: two `String`s are equal already when they look the same.
    private static func valuesByName(_ object: JSONValue?) -> [[UInt8]: JSONValue] {
        Dictionary((object?.members ?? []).map { (Array($0.name.utf8), $0.value) }) { $1 }
    }
}
