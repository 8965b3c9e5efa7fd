/// The key in an `Authorization` header, RFC 6750.
enum BearerKey {
    /// `nil` where the header is absent or of another scheme.
    static func read(_ header: String?) -> String? {
        guard let header, header.lowercased().hasPrefix("bearer ") else { return nil }
        return header.dropFirst("bearer ".count).trimmingSpaces()
    }
}
