import ArgumentParser
import Engine
import Testing
@testable import IntentCLI

struct ModelOptionsTests {
    private func load(_ arguments: [String], _ environment: [String: String] = [:]) throws -> LoadOptions {
        try ModelOptions.parse(arguments).loadOptions(Settings(environment: environment))
    }

    private static let environment = [
        "INTENTD_MODEL": "/m", "INTENTD_ADAPTER": "fast", "INTENTD_BASE": "/b", "INTENTD_PRECISION": "nf4",
        "INTENTD_THREADS": "3", "INTENTD_INSTRUCTION_SET": "avx2",
    ]

    @Test func defaultsAreTheEngines() throws {
        #expect(try load([]) == LoadOptions(model: "models"))
    }

    @Test func theEnvironmentSpeaks() throws {
        #expect(
            try load([], Self.environment)
                == LoadOptions(
                    model: "/m", base: "/b", adapter: .named("fast"), precision: .nf4, threads: 3,
                    instructionSet: "avx2"))
    }

    @Test func flagsWin() throws {
        let arguments = [
            "--model", "x", "--adapter", "none", "--base", "y", "--precision", "f32", "--threads", "1",
            "--instruction-set", "generic",
        ]
        #expect(
            try load(arguments, Self.environment)
                == LoadOptions(
                    model: "x", base: "y", adapter: .none, precision: .f32, threads: 1, instructionSet: "generic"))
    }

    @Test func anEmptyVariableIsNone() throws {
        #expect(try load([], ["INTENTD_MODEL": "", "INTENTD_THREADS": ""]) == LoadOptions(model: "models"))
    }

    @Test func autoLeavesTheChoiceToTheEngine() throws {
        #expect(try load(["--precision", "auto"], Self.environment).precision == nil)
    }

    @Test(arguments: [
        ("INTENTD_THREADS", "0"), ("INTENTD_THREADS", "2000"), ("INTENTD_THREADS", "x"), ("INTENTD_PRECISION", "int4"),
    ])
    func wrongVariablesAreRefused(name: String, value: String) {
        let error = #expect(throws: ValidationError.self) { try load([], [name: value]) }
        #expect(error?.message.contains(name) ?? false)
    }

    @Test func aWrongFlagIsRefused() {
        let error = #expect(throws: ValidationError.self) { try load(["--threads", "0"]) }
        #expect(error?.message.contains("--threads") ?? false)
    }
}
