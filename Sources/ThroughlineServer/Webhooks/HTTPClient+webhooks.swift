import AsyncHTTPClient
import NIOCore

extension HTTPClient {
    /// For calls to addresses that somebody gave. What was looked at is what is called: no redirect is followed; and who calls again
    /// after a failure decides when.
    convenience init(callingWebhooksWithin timeout: TimeAmount) {
        var settings = HTTPClient.Configuration()
        settings.httpVersion = .http1Only
        settings.redirectConfiguration = .disallow
        settings.timeout.connect = timeout
        settings.connectionPool.retryConnectionEstablishment = false
        self.init(eventLoopGroupProvider: .singleton, configuration: settings)
    }
}
