internal import FileAccess

/// Writes `model.safetensors`: linear weights in NF4 with double quantisation, everything else in its 16-bit format.
///
/// Weights pass through in runs of rows. The scales of all 4-bit layers are in memory (a byte for 64 weights), because
/// the header, which comes first, depends on them; no weight ever is.
struct QuantizedModelWriter {
    let tensors: [SourceTensor]
    let progress: (BuildProgress) -> Void

    private typealias Content = SafetensorsContent<ModelBuildError>

    func write(to files: inout FolderFiles) throws(ModelBuildError) {
        let encoder = NormalFloatEncoder()
        let layers = tensors.filter(\.isLinear)
        let measured = Counter(step: .scales, total: layers.reduce(0) { $0 + $1.elementCount }, report: progress)
        var contents: [Content] = []
        let written = Counter(step: .write, total: tensors.reduce(0) { $0 + $1.elementCount }, report: progress)
        for tensor in tensors {
            guard tensor.isLinear else {
                contents.append(Self.dense(tensor, written))
                continue
            }
            var maxima: [Float] = []
            maxima.reserveCapacity(tensor.elementCount / encoder.blockSize + 1)
            try tensor.forEachRun(block: encoder.blockSize) { run throws(ModelBuildError) in
                guard encoder.blockMaxima(run, into: &maxima) else { throw .notFinite(tensor: tensor.name) }
                measured.add(run.count)
            }
            contents += Self.quantized(tensor, QuantizedScales(blockMaxima: maxima), encoder, written)
        }
        var writer = try files.create("model.safetensors")
        try SafetensorsWriter.write(
            contents, metadata: [("format", "pt")], to: &writer, wrapping: ModelBuildError.file)
        try files.finish(&writer, "model.safetensors")
    }

    /// A tensor that is not quantised.
    private static func dense(_ tensor: SourceTensor, _ counter: Counter) -> Content {
        let isHalf = tensor.format == .float16
        return Content(name: tensor.name, type: isHalf ? .f16 : .bf16, shape: tensor.shape) {
            file throws(ModelBuildError) in
            var bits: [UInt16] = []
            try tensor.forEachRun(block: 1) { run throws(ModelBuildError) in
                guard run.allSatisfy(\.isFinite) else { throw .notFinite(tensor: tensor.name) }
                bits.removeAll(keepingCapacity: true)
                for value in run {
                    let number = isHalf ? Float16Bits.encode(value) : BFloat16Bits.encode(value)
                    bits.append(number.littleEndian)
                }
                try bits.withTypedBytes { raw throws(ModelBuildError) in
                    do throws(FileError) { try file.write(raw) } catch { throw .file(error) }
                }
                counter.add(run.count)
            }
        }
    }

    /// The seven tensors of a 4-bit weight, named as `QuantState.as_dict(packed=True)` names them.
    private static func quantized(
        _ tensor: SourceTensor, _ scales: QuantizedScales, _ encoder: NormalFloatEncoder, _ counter: Counter
    ) -> [Content] {
        let codes = Content(name: tensor.name, type: .u8, shape: [(tensor.elementCount + 1) / 2, 1]) {
            file throws(ModelBuildError) in
            var packed: [UInt8] = []
            // Two blocks, so that every run but the last ends with a whole byte.
            try tensor.forEachRun(block: 2 * encoder.blockSize) { run throws(ModelBuildError) in
                packed = [UInt8](unsafeUninitializedCapacity: (run.count + 1) / 2) { buffer, count in
                    encoder.encode(run, into: buffer)
                    count = (run.count + 1) / 2
                }
                do throws(FileError) { try file.write(packed) } catch { throw .file(error) }
                counter.add(run.count)
            }
        }
        let state = scales.state(shape: tensor.shape, blockSize: encoder.blockSize, format: tensor.format)
        return [
            codes,
            content(tensor.name + ".absmax", .u8, scales.codes),
            content(tensor.name + ".nested_absmax", .f32, scales.nestedMaxima),
            content(tensor.name + ".nested_quant_map", .f32, DynamicMap.values),
            content(tensor.name + ".quant_map", .f32, FourBitKind.nf4.codebook),
            content(tensor.name + ".quant_state.bitsandbytes__nf4", .u8, state),
        ]
    }

    private static func content(_ name: String, _ type: ElementType, _ bytes: [UInt8]) -> Content {
        Content(name: name, type: type, shape: [bytes.count * 8 / type.bitWidth]) { file throws(ModelBuildError) in
            do throws(FileError) { try file.write(bytes) } catch { throw .file(error) }
        }
    }

    private static func content(_ name: String, _ type: ElementType, _ values: [Float]) -> Content {
        let bytes = values.flatMap { value in
            (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> UInt32($0 * 8)) }
        }
        return content(name, type, bytes)
    }

    /// Counts elements and reports them.
    private final class Counter {
        private var progress: BuildProgress
        private let report: (BuildProgress) -> Void

        init(step: BuildProgress.Step, total: Int, report: @escaping (BuildProgress) -> Void) {
            progress = BuildProgress(step: step, done: 0, total: total)
            self.report = report
        }

        func add(_ count: Int) {
            progress.done += count
            report(progress)
        }
    }
}
