import Checkpoint
import Foundation

/// Small safetensors files for tests.
enum SafetensorsBytes {
    /// A file of F32 tensors.
    static func make(_ tensors: [(name: String, shape: [Int], values: [Float])]) -> [UInt8] {
        var entries: [String] = []
        var data: [UInt8] = []
        for (name, shape, values) in tensors {
            let start = data.count
            for value in values { withUnsafeBytes(of: value.bitPattern.littleEndian) { data += $0 } }
            entries.append(
                #""\#(name)":{"dtype":"F32","shape":\#(shape),"data_offsets":[\#(start),\#(data.count)]}"#)
        }
        let header = Array("{\(entries.joined(separator: ","))}".utf8)
        return (0..<8).map { UInt8(truncatingIfNeeded: header.count >> ($0 * 8)) } + header + data
    }

    /// Makes the first element of an F16 tensor of the file a NaN.
    static func spoil(_ tensor: String, at path: String) throws {
        let place = try SafetensorsFile(path: path)[tensor]?.range.lowerBound
        var bytes = try Data(contentsOf: URL(filePath: path))
        if let place { bytes.replaceSubrange(place..<place + 2, with: [0x00, 0x7e]) }
        try bytes.write(to: URL(filePath: path))
    }
}
