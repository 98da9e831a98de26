import Testing

@testable import Engine

@Suite("Weight arena")
struct WeightArenaTests {
    @Test("Blocks are zeroed, aligned, apart from each other, and as large as asked for")
    func blocks() throws {
        let arena = WeightArena()
        // The last two are larger than what is left of a region, and than a region.
        let sizes = [1, 63, 64, 65, 1 << 20, 33 << 20, 40 << 20]
        let blocks = try sizes.map { try #require(arena.take($0)) }
        for (size, block) in zip(sizes, blocks) {
            let bytes = UnsafeMutableRawBufferPointer(start: block, count: size)
            #expect(UInt(bitPattern: block) % 64 == 0)
            #expect(bytes.allSatisfy { $0 == 0 })
            bytes.initializeMemory(as: UInt8.self, repeating: 1)
        }
    }

    @Test("A buffer keeps its arena's memory")
    func lifetime() {
        weak var arena: WeightArena?
        do {
            let buffer: AlignedBuffer<Float>
            do {
                let made = WeightArena()
                arena = made
                buffer = AlignedBuffer(count: 1000, in: made)
            }
            buffer[999] = 7
            #expect(arena != nil)
            #expect(buffer[999] == 7 && buffer[0] == 0)
        }
        #expect(arena == nil)
    }
}
