extension DoubleArrayTrie {
    /// What the longest way down from the root is.
    enum Depth: Equatable {
        case bytes(Int)
        /// The walk can come back to this unit.
        case cycle(unit: Int)
        case beyondLimit
    }

    /// Follows every edge once. Branches may join again (darts-clone shares equal ends of keys).
    ///
    /// Complexity: linear in the number of units.
    func depth(limit: Int) -> Depth {
        // The units whose parents have their children at `base`: those with unit ^ label == base, as chains.
        var firstChild = [Int32](repeating: -1, count: units.count)
        var nextSibling = [Int32](repeating: -1, count: units.count)
        for unit in (1..<units.count).reversed() where units[unit] & 0x8000_0000 == 0 {
            let base = unit ^ Int(units[unit] & 0xff)
            nextSibling[unit] = firstChild[base]
            firstChild[base] = Int32(unit)
        }
        // For each base: -1 not seen, -2 on the way, else how many bytes can follow.
        var heights = [Int](repeating: -1, count: units.count)
        let root = Int(units[0].childOffset)
        var path: [(unit: Int, base: Int, next: Int32, height: Int)] = [(0, root, firstChild[root], 0)]
        heights[root] = -2
        while let top = path.last {
            guard top.next >= 0 else {
                path.removeLast()
                heights[top.base] = top.height
                if let parent = path.last { path[path.count - 1].height = max(parent.height, top.height + 1) }
                if top.height + path.count > limit { return .beyondLimit }
                continue
            }
            let unit = Int(top.next)
            path[path.count - 1].next = nextSibling[unit]
            let base = unit ^ Int(units[unit].childOffset)
            switch heights[base] {
            case -2: return .cycle(unit: unit)
            case -1:
                guard path.count <= limit else { return .beyondLimit }
                heights[base] = -2
                path.append((unit, base, firstChild[base], 0))
            case let height:
                path[path.count - 1].height = max(path[path.count - 1].height, height + 1)
            }
        }
        return heights[root] > limit ? .beyondLimit : .bytes(heights[root])
    }
}
