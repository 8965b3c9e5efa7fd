extension FixedWidthInteger {
    /// The number that a text has in decimal digits. `nil` where it is anything else, a sign included, which Swift's own
    /// initializer takes.
    package init?(digits text: some StringProtocol) {
        guard text.utf8.allSatisfy({ $0 &- 0x30 < 10 }) else { return nil }
        self.init(text)
    }
}
