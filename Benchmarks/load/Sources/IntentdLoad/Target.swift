import ArgumentParser

/// Where the service is.
struct Target: ParsableArguments {
    @Option(help: "The service's host.")
    var host = "127.0.0.1"
    @Option(help: "The service's port.")
    var port = 8080
    @Option(help: "Connections that are kept open; a request that finds none free waits, and its wait counts.")
    var connections = 128
}
