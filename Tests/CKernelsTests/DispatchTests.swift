import CKernels
import Testing

/// Levels by name and by processor, and the shapes that formats can hold.
struct DispatchTests {
    @Test func namesAreUniqueAndSelectTheirLevel() {
        let names = (0..<CK_LEVEL_COUNT.rawValue).compactMap { ck_level_name(ck_level($0)).map { String(cString: $0) } }
        #expect(names == KernelLevel.names)
        for (index, name) in names.enumerated() {
            let available = ck_level_available(ck_level(UInt32(index))) != 0
            #expect((ck_select(name) != nil) == available)
            if let kernels = ck_select(name) { #expect(String(cString: kernels.pointee.name) == name) }
        }
    }

    @Test func unknownNamesSelectNothing() {
        #expect(ck_select("sse9") == nil)
        #expect(ck_select("") == nil)
        #expect(ck_select("AVX2") == nil)
        #expect(ck_level_name(CK_LEVEL_COUNT) == nil)
        #expect(ck_level_available(CK_LEVEL_COUNT) == 0)
    }

    @Test func twinsHaveNamesOfTheirOwn() throws {
        for (name, limit) in [("generic-bytes", 127), ("generic-chains", 80)] as [(String, Int32)] {
            let twin = try #require(ck_select(name))
            #expect(String(cString: twin.pointee.name) == name)
            #expect(twin.pointee.activation_limit == limit)
            #expect(ck_twin(twin) == twin)
        }
        if let avx2 = ck_select("avx2") { #expect(ck_twin(avx2) == ck_select("generic-chains")) }
    }

    @Test func theDefaultIsTheBestThatIsAvailable() throws {
        let best = try #require(ck_select(nil))
        let last = try #require(KernelLevel.available.last)
        #expect(best == last.pointer)
        #expect(ck_level_available(CK_LEVEL_GENERIC) == 1)
    }

    @Test func panelsRoundUp() {
        #expect([1, 15, 16, 17, 32, 33].map { ck_panels($0) } == [1, 1, 1, 2, 2, 3])
    }

    @Test func shapesThatFormatsCannotHoldAreRefused() {
        func holds(_ format: ck_format, _ n: Int32, _ k: Int32, _ group: Int32) -> Bool {
            ck_supported(Int32(format.rawValue), n, k, group) != 0
        }
        for format in [CK_F32, CK_BF16, CK_INT8, CK_NF4] {
            #expect(holds(format, 1, 64, 64))
            #expect(!holds(format, 0, 64, 64))
            #expect(!holds(format, 1, 0, 64))
            #expect(!holds(format, -1, 64, 64))
            #expect(!holds(format, 1, .max, 64))
            #expect(!holds(format, .max, 64, 64))
        }
        #expect(holds(CK_F32, 3, 5, 0))
        #expect(holds(CK_INT8, 3, 5, 5))
        #expect(holds(CK_INT8, 3, 1000, 128))
        #expect(!holds(CK_INT8, 3, 1000, 0))
        #expect(!holds(CK_INT8, 3, 1000, 100))
        #expect(!holds(CK_INT8, 3, 4096, 2048))
        #expect(holds(CK_NF4, 3, 192, 128))
        #expect(!holds(CK_NF4, 3, 96, 64))
        #expect(!holds(CK_NF4, 3, 128, 32))
        #expect(!holds(CK_NF4, 3, 128, 96))
        #expect(ck_supported(9, 16, 64, 64) == 0)
    }

    /// Sizes are what a layout needs at least, in whole cache lines, up to the largest matrix.
    @Test(arguments: KernelLevel.available)
    func sizesAreWholeCacheLines(_ level: KernelLevel) {
        for k in [1, 2, 63, 64, 65, 640, 2048, 1 << 24] as [Int32] {
            for (format, bits) in [(CK_F32, 32), (CK_BF16, 16), (CK_INT8, 8), (CK_NF4, 4)] {
                guard format != CK_NF4 || k % 64 == 0 else { continue }
                let group = min(k, 128)
                let panel = Int(level.table.panel_bytes(Int32(format.rawValue), k, group))
                let row = Int(level.table.row_bytes(Int32(format.rawValue), k, group))
                #expect(panel % 64 == 0 && panel >= 16 * Int(k) * bits / 8)
                #expect(row % 64 == 0 && row >= Int(k))
            }
        }
    }
}
