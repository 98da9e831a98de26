// The low-rank update of a weight, for every SIMD level. Included behind the level's vocabulary, which also defines
// LOW_RANK_VECTORS: vectors of LOW_RANK_ROWS rows whose sums are in registers at once, with as many vectors of A.

/// Rows that share the loads of A.
enum { LOW_RANK_ROWS = 4 };

/// Updates `rows` rows of `vectors` vectors. A's columns start at `a`; `width` is the whole of its rows.
CK_INLINE void low_rank_tile(
    const int rows, const int vectors, const float *a, ptrdiff_t width, const float *b, int32_t rank, float scale,
    float *w, ptrdiff_t ldw) {
    vf sums[LOW_RANK_ROWS][LOW_RANK_VECTORS];
    CK_UNROLL for (int r = 0; r < rows; r++) {
        CK_UNROLL for (int v = 0; v < vectors; v++) sums[r][v] = v_zero();
    }
    for (int32_t k = 0; k < rank; k++, a += width) {
        vf part[LOW_RANK_VECTORS];
        CK_UNROLL for (int v = 0; v < vectors; v++) part[v] = v_load(a + v * V_WIDTH);
        CK_UNROLL for (int r = 0; r < rows; r++) {
            const vf factor = v_set1(b[(ptrdiff_t)r * rank + k]);
            // Not fused: see `ck_kernels.add_low_rank`.
            CK_UNROLL for (int v = 0; v < vectors; v++) sums[r][v] = v_add(sums[r][v], v_mul(factor, part[v]));
        }
    }
    CK_UNROLL for (int r = 0; r < rows; r++) {
        CK_UNROLL for (int v = 0; v < vectors; v++) {
            float *target = w + r * ldw + v * V_WIDTH;
            v_store(target, v_add(v_load(target), v_mul(sums[r][v], v_set1(scale))));
        }
    }
}

/// All rows of `vectors` vectors: their part of A stays in the first-level cache.
CK_INLINE void low_rank_columns(
    const int vectors, const float *a, ptrdiff_t width, const float *b, int32_t rank, float scale, float *w,
    ptrdiff_t ldw, int32_t rows) {
    int32_t row = 0;
    for (; row + LOW_RANK_ROWS <= rows; row += LOW_RANK_ROWS, b += (ptrdiff_t)LOW_RANK_ROWS * rank)
        low_rank_tile(LOW_RANK_ROWS, vectors, a, width, b, rank, scale, w + row * ldw, ldw);
    for (; row < rows; row++, b += rank) low_rank_tile(1, vectors, a, width, b, rank, scale, w + row * ldw, ldw);
}

static void add_low_rank(
    const float *a, const float *b, int32_t rank, float scale, float *w, ptrdiff_t ldw, int32_t width, int32_t rows) {
    enum { STEP = LOW_RANK_VECTORS * V_WIDTH };
    int32_t column = 0;
    for (; column + STEP <= width; column += STEP)
        low_rank_columns(LOW_RANK_VECTORS, a + column, width, b, rank, scale, w + column, ldw, rows);
    for (; column + V_WIDTH <= width; column += V_WIDTH)
        low_rank_columns(1, a + column, width, b, rank, scale, w + column, ldw, rows);
    for (; column < width; column++) {
        for (int32_t row = 0; row < rows; row++) {
            float sum = 0;
            for (int32_t k = 0; k < rank; k++) sum += b[(ptrdiff_t)row * rank + k] * a[(ptrdiff_t)k * width + column];
            w[row * ldw + column] += sum * scale;
        }
    }
}
