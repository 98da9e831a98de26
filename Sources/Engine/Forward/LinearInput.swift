/// What one linear layer reads.
struct LinearInput {
    /// Its weights' input.
    let rows: PreparedRows
    /// A x of each part of its side products; empty if it has none.
    let lowRank: [PreparedRows]
}
