// swift-tools-version: 6.1
import PackageDescription

/// The kernels are useless unoptimised, so they are -O3 in debug builds too. -ffp-contract=off keeps every
/// variant's rounding explicit: a fused multiply-add happens only where the source asks for one.
let kernelSettings: [CSetting] = [.unsafeFlags(["-O3", "-ffp-contract=off", "-fno-math-errno"])]

/// Bounds and overflow checks stay on in release: files and requests come from outside.
let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "intentd",
    products: [
        .executable(name: "intentd", targets: ["IntentCLI"]),
        .library(name: "SentencePiece", targets: ["SentencePiece"]),
        .library(name: "IntentEngine", targets: ["Engine"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "COpenBLAS", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CKernels", cSettings: kernelSettings),
        // How files are opened and read: once for the tokenizer, which is a library by itself, and for all others.
        .target(name: "FileAccess", swiftSettings: swiftSettings),
        .target(name: "SentencePiece", dependencies: ["FileAccess"], swiftSettings: swiftSettings),
        .target(
            name: "Checkpoint",
            dependencies: ["FileAccess", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: swiftSettings),
        .target(
            name: "Engine",
            dependencies: ["Checkpoint", "CKernels", "COpenBLAS", "FileAccess", "SentencePiece"],
            swiftSettings: swiftSettings),
        .target(name: "Batching", dependencies: ["Engine"], swiftSettings: swiftSettings),
        .target(
            name: "IntentServer",
            dependencies: [
                "Batching", "CZlib", "FileAccess",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "IntentCLI",
            dependencies: [
                "IntentServer", "Batching", "Engine", "Checkpoint", "SentencePiece", "FileAccess", "CZlib",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swiftSettings),
        // Shared by the tokenizer's tests and by the harness that its Python oracle and benchmark drive.
        .target(
            name: "SentencePieceOracle", dependencies: ["SentencePiece"], path: "Tests/SentencePieceOracle",
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "tokenizer-harness", dependencies: ["SentencePiece", "SentencePieceOracle"],
            path: "Benchmarks/tokenizer", exclude: ["README.md", "RESULTS.md", "benchmark.py"],
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "engine-harness", dependencies: ["Engine"], path: "Benchmarks/engine",
            exclude: [
                "README.md", "compare.py", "peers", "requirements.txt", "requirements-llama.txt", "scaling.py",
                "scaling-avx512.svg", "scaling.svg", "startup.py", "stolen_core.py",
            ],
            swiftSettings: swiftSettings),
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: swiftSettings),
        .testTarget(
            name: "FileAccessTests", dependencies: ["FileAccess", "TestSupport"], swiftSettings: swiftSettings),
        .testTarget(
            name: "SentencePieceTests",
            dependencies: ["FileAccess", "SentencePiece", "SentencePieceOracle", "TestSupport"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "CheckpointTests", dependencies: ["Checkpoint", "FileAccess", "TestSupport"],
            swiftSettings: swiftSettings),
        .testTarget(name: "CKernelsTests", dependencies: ["CKernels"], swiftSettings: swiftSettings),
        .testTarget(
            name: "EngineTests", dependencies: ["Engine", "FileAccess", "TestSupport"], swiftSettings: swiftSettings),
        .testTarget(name: "BatchingTests", dependencies: ["Batching", "TestSupport"], swiftSettings: swiftSettings),
        .testTarget(
            name: "IntentServerTests",
            dependencies: [
                "Batching", "FileAccess", "IntentServer", "TestSupport",
                .product(name: "HummingbirdTesting", package: "hummingbird"),
            ],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "IntentCLITests", dependencies: ["IntentCLI", "TestSupport"], swiftSettings: swiftSettings),
    ]
)
