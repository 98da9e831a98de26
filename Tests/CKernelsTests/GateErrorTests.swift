import CKernels
import Foundation
import Testing

/// The polynomial exponential, seen through the gates, against libm in double.
struct GateErrorTests {
    /// Dense sweeps; the bounds that `vector_math.h` states.
    @Test(arguments: KernelLevel.available, [CK_GEGLU_TANH, CK_SWIGLU])
    func relativeErrorIsBelowTheStatedBound(_ level: KernelLevel, _ gate: ck_gate) {
        let ones = [Float](repeating: 1, count: 4096)
        var worst = 0.0, result = ones
        for block in -100..<100 {
            let x = (0..<4096).map { Float(block) + Float($0) / 4096 }
            level.table.gated(Int32(gate.rawValue), x, 0, ones, 0, 4096, &result, 0, 1)
            for (value, got) in zip(x, result) where value != 0 {
                let g = Double(value)
                let t = gate == CK_SWIGLU ? g : 2 * (2 / Double.pi).squareRoot() * (g + 0.044715 * g * g * g)
                let want = g / (1 + exp(-t)), error = abs(Double(got) - want)
                guard t > -86 else {
                    #expect(error <= 1e-34, "of \(value)")
                    continue
                }
                worst = max(worst, error / abs(want) / (1 + abs(t)))
            }
        }
        #expect(worst < 2.5e-7)
    }

    @Test(arguments: KernelLevel.available, [CK_GEGLU_TANH, CK_SWIGLU])
    func endsOfTheRange(_ level: KernelLevel, _ gate: ck_gate) {
        let x: [Float] = [0, -0.0, .infinity, 3e38, -3e38, .nan, 1e-40, -1e-40, .leastNormalMagnitude]
        var y = x
        level.table.gated(
            Int32(gate.rawValue), x, 0, [Float](repeating: 1, count: x.count), 0, Int32(x.count), &y, 0, 1)
        #expect(y[0] == 0 && y[1] == 0)
        #expect(y[2] == .infinity && y[3] == 3e38)
        #expect(abs(y[4]) < 1e-30)
        #expect(y[5].isNaN)
        #expect(abs(y[6] - 5e-41) < 3e-45 && abs(y[7] + 5e-41) < 3e-45)
    }
}
