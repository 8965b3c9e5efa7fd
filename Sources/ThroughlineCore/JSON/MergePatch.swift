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
        let changes = Dictionary(patch.members.map { ($0.name, $0.value) }) { $1 }
        let old = target?.kind == .object ? target?.members ?? [] : []
        var kept: Set<String> = []
        writer.object {
            for (name, value) in old where kept.insert(name).inserted {
                if changes[name]?.isNull == true { continue }
                $0.key(name)
                if let change = changes[name] { write(change, over: value, to: &$0) } else { $0.raw(value.compact) }
            }
            for (name, value) in patch.members where !value.isNull && kept.insert(name).inserted {
                $0.key(name)
                write(value, over: nil, to: &$0)
            }
        }
    }
}
