import Hummingbird

/// A request's context: the library's part, and the record of what becomes known.
struct ServiceContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let record = RequestRecord()

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
    }
}
