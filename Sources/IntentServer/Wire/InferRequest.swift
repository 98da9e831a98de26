import Checkpoint
import NIOCore

/// The body of the Open Inference Protocol's `POST /v2/models/{name}/infer`.
///
/// One BYTES input `text` of shape [n] or [n, 1], as JSON strings, or in the binary tensor extension that Triton's
/// clients use by default: the JSON part first, then each element behind its length in four little-endian bytes.
/// Source: the protocol's REST specification and Triton's binary_data extension.
struct InferRequest: Sendable, Equatable {
    static let inputName = "text"

    /// What can be asked for in `outputs`.
    enum Output: String, Sendable, CaseIterable { case label, probability }

    var id: String?
    var texts: [String]
    var outputs: [Output] = Output.allCases

    /// - Parameter headerLength: bytes of the JSON part, if the binary extension is used.
    init(body: ByteBuffer, headerLength: Int?, maximumRows: Int) throws(APIError) {
        var body = body
        var binary: ByteBuffer?
        if let headerLength {
            guard headerLength > 0, let header = body.readSlice(length: headerLength) else {
                throw .malformed("Inference-Header-Content-Length must be 1 to the length of the body")
            }
            binary = body
            body = header
        }
        var fields = try RequestFields(body: body)
        id = try fields.string("id")
        _ = try fields.object("parameters")
        let inputs = try fields.array("inputs")
        let outputs = try fields.array("outputs")
        try fields.finish()
        guard let inputs else { throw .invalid("inputs is missing") }
        guard inputs.count == 1, let input = inputs[0].object else {
            throw .invalid("inputs must hold one object, the input \(Self.inputName)")
        }
        texts = try Self.texts(RequestFields(input, path: "inputs[0]."), &binary, maximumRows: maximumRows)
        if let binary, binary.readableBytes > 0 { throw .invalid("bytes follow the last input's data") }
        if let outputs, !outputs.isEmpty { self.outputs = try Self.outputs(outputs) }
        for (index, text) in texts.enumerated() where text.isBlank { throw .invalid("\(field(index)) is empty") }
    }

    /// The field that holds the message at an index, for errors.
    func field(_ index: Int) -> String { "inputs[0].data[\(index)]" }

    private static func texts(
        _ fields: RequestFields, _ binary: inout ByteBuffer?, maximumRows: Int
    ) throws(APIError) -> [String] {
        var fields = fields
        let name = try fields.string("name")
        let datatype = try fields.string("datatype")
        let shape = try fields.array("shape")
        let parameters = try fields.object("parameters")
        let data = try fields.array("data")
        try fields.finish()
        guard name == inputName else { throw .invalid("inputs[0].name must be \(inputName)") }
        guard datatype == "BYTES" else { throw .invalid("inputs[0].datatype must be BYTES") }
        let sizes = shape?.map { $0.integer ?? -1 } ?? []
        guard let rows = sizes.first, rows >= 1, sizes.count == 1 || (sizes.count == 2 && sizes[1] == 1) else {
            throw .invalid("inputs[0].shape must be [n] or [n, 1], n at least 1")
        }
        guard rows <= maximumRows else {
            throw APIError(
                code: .tooLarge,
                message: "inputs[0] holds \(rows) messages; at most \(maximumRows) may be sent at once")
        }
        let texts: [String]
        if let size = parameters?["binary_data_size"] {
            guard data == nil else { throw .invalid("inputs[0].data and binary_data_size exclude each other") }
            guard let size = size.integer, size >= 0, let slice = binary?.readSlice(length: size) else {
                throw .invalid("inputs[0].parameters.binary_data_size is not the length of the binary part")
            }
            texts = try elements(slice)
        } else if let data {
            // A [n, 1] tensor may come nested, row by row.
            let flat = sizes.count == 2 ? data.flatMap { $0.array ?? [$0] } : data
            texts = try ClassifyRequest.strings(flat, field: "inputs[0].data", maximum: maximumRows)
        } else {
            throw .invalid("inputs[0].data is missing")
        }
        guard texts.count == rows else {
            throw .invalid("inputs[0].data holds \(texts.count) elements, inputs[0].shape says \(rows)")
        }
        return texts
    }

    /// The strings of a binary BYTES tensor.
    private static func elements(_ buffer: ByteBuffer) throws(APIError) -> [String] {
        var buffer = buffer
        var texts: [String] = []
        while buffer.readableBytes > 0 {
            guard let length = buffer.readInteger(endianness: .little, as: UInt32.self),
                let slice = buffer.readSlice(length: Int(length))
            else { throw .malformed("inputs[0]: the binary data ends inside an element") }
            guard let text = String(validating: slice.readableBytesView, as: UTF8.self) else {
                throw .malformed("inputs[0]: element \(texts.count) of the binary data is not UTF-8")
            }
            texts.append(text)
        }
        return texts
    }

    private static func outputs(_ values: [JSONValue]) throws(APIError) -> [Output] {
        var outputs: [Output] = []
        for (index, value) in values.enumerated() {
            guard let object = value.object else { throw .invalid("outputs[\(index)] must be an object") }
            var fields = RequestFields(object, path: "outputs[\(index)].")
            let name = try fields.string("name")
            _ = try fields.object("parameters")
            try fields.finish()
            guard let output = name.flatMap(Output.init(rawValue:)) else {
                let names = Output.allCases.map(\.rawValue).joined(separator: " or ")
                throw .invalid("outputs[\(index)].name must be \(names)")
            }
            guard !outputs.contains(output) else { throw .invalid("outputs[\(index)] is asked for twice") }
            outputs.append(output)
        }
        return outputs
    }
}
