extension ConfigurationFields {
    /// `quantization_config`: bitsandbytes 4-bit or nothing; every other method is refused by its name.
    func quantization() throws(ConfigurationError) -> QuantizationConfiguration? {
        guard let value = self["quantization_config"] else { return nil }
        guard let object = value.object else {
            throw .invalid(field: "quantization_config", reason: "is not an object")
        }
        let fields = ConfigurationFields(object)
        if let method = try fields.string("quant_method"), method != "bitsandbytes" {
            throw .unsupportedQuantization(method)
        }
        let eightBit = try fields.bool("load_in_8bit", or: "_load_in_8bit")
        if eightBit == true { throw .unsupportedQuantization("bitsandbytes 8-bit (LLM.int8)") }
        let fourBit = try fields.bool("load_in_4bit", or: "_load_in_4bit")
        guard fourBit == true else { throw .unsupportedQuantization("bitsandbytes without load_in_4bit") }
        let kindName = try fields.string("bnb_4bit_quant_type") ?? "fp4"
        guard let kind = FourBitKind(rawValue: kindName) else { throw .unsupportedQuantization(kindName) }
        return QuantizationConfiguration(
            kind: kind,
            doubleQuantized: try fields.bool("bnb_4bit_use_double_quant") ?? false,
            skippedModules: fields["llm_int8_skip_modules"]?.array?.compactMap(\.string) ?? [])
    }
}
