/// A value of a GGUF file's metadata. Arrays stay in the mapped file and are decoded when they are asked for.
public enum GGUFValue: Sendable {
    case unsigned(UInt64)
    case signed(Int64)
    case float(Double)
    case bool(Bool)
    case string(String)
    case array(GGUFArray)
}
