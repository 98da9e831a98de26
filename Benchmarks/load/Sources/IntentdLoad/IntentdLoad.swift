import ArgumentParser

/// Load on a running service, from one event loop.
@main
struct IntentdLoad: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "intentd-load", abstract: "Offers load to a running intentd and reports what became of it.",
        subcommands: [RunCommand.self, CapacityCommand.self, MessagesCommand.self])
}

/// Prints messages, one a line: input for `intentd score`.
struct MessagesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "messages", abstract: "Print the messages that are sent, one a line.")

    @Argument(help: "How many.")
    var count: Int

    func run() {
        for number in 0..<count { print(BankingMessages.message(number)) }
    }
}
