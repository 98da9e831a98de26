/// The labels of a causal language model as a tree of tokens behind one prompt.
///
/// Labels that start alike share their rows, so that one pass over the prompt and the tree gives what each label's
/// next token was expected to be. A label's last token predicts nothing and needs no row.
struct LabelTrie: Sendable, Equatable {
    /// One token that is run: an inner node of the tree, in preorder.
    struct Row: Sendable, Equatable {
        let token: Int32
        /// 1 for a label's first token.
        let depth: Int
    }

    /// A token that some label continues with, and the row whose logits predict it; row 0 is the prompt's last token,
    /// row i + 1 is `rows[i]`.
    struct Step: Sendable, Equatable, Hashable {
        let row: Int
        let token: Int32
    }

    let rows: [Row]
    /// The steps of each label, in order.
    let labels: [[Step]]

    /// Rows of the longest path.
    var depth: Int { rows.map(\.depth).max() ?? 0 }
    /// Every step that a label takes, once.
    var steps: [Step] { Set(labels.joined()).sorted { ($0.row, $0.token) < ($1.row, $1.token) } }

    /// - Parameter sequences: the tokens of each label, none empty.
    init(_ sequences: [[Int32]]) {
        var rows: [Row] = []
        var rowOfPrefix: [[Int32]: Int] = [[]: 0]
        // In lexicographic order every prefix comes before what it continues as, and siblings' subtrees do not mix:
        // that is preorder.
        for sequence in sequences.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            for length in 1..<max(sequence.count, 1) {
                let prefix = Array(sequence.prefix(length))
                guard rowOfPrefix[prefix] == nil else { continue }
                rows.append(Row(token: prefix[length - 1], depth: length))
                rowOfPrefix[prefix] = rows.count
            }
        }
        self.rows = rows
        labels = sequences.map { sequence in
            sequence.indices.map { index in
                Step(row: rowOfPrefix[Array(sequence.prefix(index))] ?? 0, token: sequence[index])
            }
        }
    }
}
