import FoundationEssentials
import Logging
import ServiceLifecycle

/// Looks at files every so often and says when they have changed and come to rest: a change is reported once two looks
/// in a row have seen the same, so that a copy in progress is not read.
struct FileWatcher: Service {
    let paths: @Sendable () -> [String]
    var interval = Duration.seconds(1)
    let onChange: @Sendable () async -> Void

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var reported = Self.signature(paths())
            var previous = reported
            while (try? await Task.sleep(for: interval)) != nil {
                let now = Self.signature(paths())
                if now == previous, now != reported {
                    reported = now
                    await onChange()
                }
                previous = now
            }
        }
    }

    /// What tells a file from a later version of itself; a folder stands for the files in it.
    static func signature(_ paths: [String]) -> [String] {
        paths.flatMap { path in
            let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
            return ([path] + names.sorted().map { path + "/" + $0 }).map { file in
                guard let found = try? FileManager.default.attributesOfItem(atPath: resolved(file)) else {
                    return "\(file) missing"
                }
                let changed = (found[.modificationDate] as? Date)?.timeIntervalSinceReferenceDate ?? 0
                return "\(file) \(found[.systemFileNumber] ?? 0) \(found[.size] ?? 0) \(changed)"
            }
        }
    }

    /// Where links lead to: a mounted secret is a link that is pointed elsewhere.
    private static func resolved(_ file: String) -> String { URL(filePath: file).resolvingSymlinksInPath().path }
}
