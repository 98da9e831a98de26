/// Carries an engine from the thread that loaded it to the one that serves with it, or to the one that ends it.
///
/// `@unchecked Sendable`: exactly one thread uses the engine at a time. Each handover goes through the service's
/// monitor or the start of a thread, which orders all earlier use before all later use, and the giver keeps no
/// reference.
final class EngineHandover: @unchecked Sendable {
    let engine: any BatchEngine

    init(_ engine: any BatchEngine) { self.engine = engine }
}
