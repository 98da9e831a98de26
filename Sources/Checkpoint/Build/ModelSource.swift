/// An unquantised model to build from.
protocol ModelSource: Sendable {
    /// `config.json` without its quantisation.
    var configuration: JSONValue.Object { get }
    /// Every tensor of the model.
    var tensors: [SourceTensor] { get }
    /// Small files to be written or copied as they are: the tokenizer and what belongs to it.
    func companions() throws(ModelBuildError) -> [(name: String, bytes: [UInt8])]
}

extension ModelSource {
    /// Classification heads among the tensors.
    var heads: [String] {
        ["score", "classifier"].filter { head in tensors.contains { $0.name == head + ".weight" } }
    }
}
