// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
    // State is guarded by locks and event loops; the checks of exclusive access cost a few percent on every append.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

let package = Package(
    name: "throughline",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "throughline", targets: ["throughline"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", exact: "1.4.0", traits: ["JSON"]),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1"),
        .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: [
        .target(name: "ThroughlineCore", swiftSettings: settings),
        .target(name: "CThroughlineChecksum"),
        .target(
            name: "ThroughlineStorage",
            dependencies: [
                "CThroughlineChecksum",
                "ThroughlineCore",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "ThroughlineEngine",
            dependencies: [
                "ThroughlineCore",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "ThroughlineServer",
            dependencies: [
                "ThroughlineEngine",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            resources: [.copy("Resources")],
            swiftSettings: settings
        ),
        .target(name: "ThroughlineBuilder", resources: [.copy("Templates")], swiftSettings: settings),
        .systemLibrary(name: "CJemalloc", pkgConfig: "jemalloc", providers: [.apt(["libjemalloc-dev"])]),
        .executableTarget(
            name: "throughline",
            dependencies: [
                .target(name: "CJemalloc", condition: .when(platforms: [.linux])),
                "ThroughlineBuilder",
                "ThroughlineServer",
                "ThroughlineStorage",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "ThroughlineSimulator",
            dependencies: [
                "ThroughlineEngine",
                "ThroughlineStorage",
                "ThroughlineTestKit",
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "throughline-simulate",
            dependencies: [
                "ThroughlineSimulator",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings
        ),
        .target(name: "ThroughlineModelCheck", dependencies: ["ThroughlineCore"], swiftSettings: settings),
        .executableTarget(
            name: "throughline-model-check",
            dependencies: [
                "ThroughlineModelCheck",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Support/ModelCheck",
            swiftSettings: settings
        ),
        .target(
            name: "ThroughlineTestKit",
            dependencies: ["ThroughlineEngine"],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "throughline-echo",
            dependencies: [
                "ThroughlineServer",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            path: "Tests/Support/WebSocketEcho",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "throughline-guard",
            dependencies: [
                "ThroughlineEngine",
                "ThroughlineStorage",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ],
            path: "Tests/Support/HotPaths",
            exclude: ["budget.txt"],
            swiftSettings: settings
        ),
        .testTarget(name: "BuilderTests", dependencies: ["ThroughlineBuilder"], swiftSettings: settings),
        .testTarget(
            name: "CoreTests", dependencies: ["ThroughlineCore", "ThroughlineTestKit"], swiftSettings: settings),
        .testTarget(
            name: "StorageTests",
            dependencies: [
                "CThroughlineChecksum", "ThroughlineStorage", "ThroughlineTestKit",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            exclude: ["Fixtures"], swiftSettings: settings),
        .testTarget(
            name: "EngineTests",
            dependencies: [
                "ThroughlineEngine", "ThroughlineTestKit",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings),
        .testTarget(name: "ModelTests", dependencies: ["ThroughlineModelCheck"], swiftSettings: settings),
        .testTarget(name: "SimulatorTests", dependencies: ["throughline-simulate"], swiftSettings: settings),
        .testTarget(
            name: "ServerTests",
            dependencies: [
                "ThroughlineServer", "ThroughlineTestKit",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "FuzzTests",
            dependencies: [
                "ThroughlineServer", "ThroughlineStorage", "ThroughlineTestKit",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ],
            swiftSettings: settings),
    ]
)

// The load client of `throughline bench` waits with epoll, which only Linux has.
#if os(Linux)
    package.products.append(.executable(name: "throughline-load", targets: ["throughline-load"]))
    package.targets.append(
        .executableTarget(
            name: "throughline-load",
            cSettings: [
                .define("_GNU_SOURCE"), .enableWarning("all"), .enableWarning("extra"),
                .treatAllWarnings(as: .error),
            ]))
#endif
