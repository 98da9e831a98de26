extension ModelProto {
    /// Reads a serialised `ModelProto`. Fields that do not act at run time are passed over.
    /// - Throws: ``SentencePieceError``, one case per way the bytes can be malformed.
    init(serialized bytes: [UInt8]) throws(SentencePieceError) {
        guard bytes.count <= Self.fileLimit else {
            throw .modelTooLarge(bytes: bytes.count, limit: Self.fileLimit)
        }
        pieceBytes.reserveCapacity(bytes.count / 2)
        var reader = ProtobufReader(bytes, in: 0..<bytes.count)
        while let tag = try reader.nextTag() {
            switch tag.field {
            case 1: try readPiece(bytes, in: try reader.range(tag))
            case 2: try readTrainer(bytes, in: try reader.range(tag))
            case 3: try Self.readNormalizer(bytes, in: try reader.range(tag), into: &normalizer)
            case 4: try readSelfTest(bytes, in: try reader.range(tag))
            case 5:
                var settings = denormalizer ?? NormalizerSettings()
                try Self.readNormalizer(bytes, in: try reader.range(tag), into: &settings)
                denormalizer = settings
            default: try reader.skip(tag)
            }
        }
        guard pieceCount > 0 else { throw .noPieces }
    }

    private mutating func readPiece(_ bytes: [UInt8], in range: Range<Int>) throws(SentencePieceError) {
        let id = pieceCount
        guard id < Self.pieceLimit else { throw .tooManyPieces(count: id + 1, limit: Self.pieceLimit) }
        var piece = 0..<0
        var score: Float = 0
        var type = PieceType.normal
        var reader = ProtobufReader(bytes, in: range)
        while let tag = try reader.nextTag() {
            switch tag.field {
            case 1: piece = try reader.range(tag)
            case 2: score = try reader.float(tag)
            case 3:
                let value = try reader.enumeration(tag)
                guard let known = UInt8(exactly: value).flatMap(PieceType.init) else {
                    throw .unknownPieceType(id: id, value: value)
                }
                type = known
            default: try reader.skip(tag)
            }
        }
        pieceBytes.append(contentsOf: bytes[piece])
        pieceStarts.append(UInt32(pieceBytes.count))
        scores.append(score)
        types.append(type)
    }

    private mutating func readTrainer(_ bytes: [UInt8], in range: Range<Int>) throws(SentencePieceError) {
        var reader = ProtobufReader(bytes, in: range)
        while let tag = try reader.nextTag() {
            switch tag.field {
            case 3:
                let value = try reader.enumeration(tag)
                guard let known = UInt8(exactly: value).flatMap(ModelType.init) else {
                    throw .unknownModelType(value: value)
                }
                modelType = known
            case 24: treatsWhitespaceAsSuffix = try reader.bool(tag)
            case 35: hasByteFallback = try reader.bool(tag)
            case 44: unknownSurface = try reader.byteArray(tag)
            // An empty name means the default one, as in the reference implementation.
            case 45: try Self.readName(&reader, tag, into: &unknownPiece)
            case 46: try Self.readName(&reader, tag, into: &bosPiece)
            case 47: try Self.readName(&reader, tag, into: &eosPiece)
            case 48: try Self.readName(&reader, tag, into: &padPiece)
            default: try reader.skip(tag)
            }
        }
    }

    private static func readName(
        _ reader: inout ProtobufReader, _ tag: ProtobufReader.Tag, into name: inout [UInt8]
    ) throws(SentencePieceError) {
        let value = try reader.byteArray(tag)
        if !value.isEmpty { name = value }
    }

    private static func readNormalizer(
        _ bytes: [UInt8], in range: Range<Int>, into settings: inout NormalizerSettings
    ) throws(SentencePieceError) {
        var reader = ProtobufReader(bytes, in: range)
        while let tag = try reader.nextTag() {
            switch tag.field {
            case 2: settings.charsmap = try reader.byteArray(tag)
            case 3: settings.addsDummyPrefix = try reader.bool(tag)
            case 4: settings.removesExtraWhitespaces = try reader.bool(tag)
            case 5: settings.escapesWhitespaces = try reader.bool(tag)
            default: try reader.skip(tag)
            }
        }
    }

    private mutating func readSelfTest(_ bytes: [UInt8], in range: Range<Int>) throws(SentencePieceError) {
        var reader = ProtobufReader(bytes, in: range)
        while let tag = try reader.nextTag() {
            guard tag.field == 1 else {
                try reader.skip(tag)
                continue
            }
            var sample = SelfTestSample()
            var sampleReader = ProtobufReader(bytes, in: try reader.range(tag))
            while let tag = try sampleReader.nextTag() {
                switch tag.field {
                case 1: sample.input = try sampleReader.byteArray(tag)
                case 2: sample.expected = try sampleReader.byteArray(tag)
                default: try sampleReader.skip(tag)
                }
            }
            selfTestSamples.append(sample)
        }
    }
}
