// Products with f32 sums, for every SIMD level. Included behind the level's vocabulary. The level also defines:
//   TILE_ROWS, BF16_TILE_ROWS: rows of a register tile over one panel;
//   FLOAT_PANELS, WIDE_ROWS: panels of a tile of few rows, so that enough sums are under way to hide the latency of a
//   multiply-add, and the most rows of such a tile;
//   TILE_CASES, BF16_TILE_CASES, WIDE_CASES: CASE(1), CASE(2), ... up to those rows;
//   IN_REGISTER(x): keeps a repeated activation in a register, where the compiler would load it for each panel anew; or
//   nothing; v_add_product(a, b, sums): a * b + sums, to the register of sums;
//   BF16_PAIRS: 0, and `v_bf16_even`, `v_bf16_odd` give elements 0 or 1 of V_WIDTH pairs of bf16 as f32; or 1, and
//   `v_dot_bf16(sums, x, weights)` adds the products of V_WIDTH pairs, and `v_pair(x)` repeats the pair at x.
//
// Layout of a panel: CK_F32 [k][16]; CK_BF16 [k / 2][16][2], an odd k filled up with zeros.

/// Vectors of a panel.
enum { PANEL_VECTORS = CK_PANEL / V_WIDTH };

/// A tile's rows are reached from every third row's address, by adding the distance of rows up to twice.
enum { BASES = (TILE_ROWS + 2) / 3 };

CK_INLINE void set_bases(const int rows, const char *bases[BASES], const char *first_row, ptrdiff_t stride) {
    CK_UNROLL for (int b = 0; b < (rows + 2) / 3; b++) bases[b] = first_row + 3 * b * stride;
}

CK_INLINE void advance_bases(const int rows, const char *bases[BASES], ptrdiff_t bytes) {
    CK_UNROLL for (int b = 0; b < (rows + 2) / 3; b++) {
        bases[b] += bytes;
        CK_OPAQUE(bases[b]);
    }
}

CK_INLINE const char *row_at(const char *const bases[BASES], const int row, ptrdiff_t stride) {
    return bases[row / 3] + row % 3 * stride;
}

/// Elements from row to row of sums that are under way.
enum { BEGUN_STRIDE = FLOAT_PANELS * CK_PANEL };

/// What the sums of a tile begin with, and where they go.
typedef enum tile_sums {
    /// From `begun` on, to c.
    CONTINUED,
    /// From zero on, to c.
    FRESH,
    /// From zero on, then added to c.
    ADDED,
} tile_sums;

/// The products of `rows` rows of a and `panels` panels of b to c, over k inputs in order: the sum of an element is the
/// same whatever the tile's shape.
///
/// `lda`: bytes from row to row; `ldb`: bytes from input to input of f32, not read for bf16; `panel_stride` in bytes;
/// `from`: see `tile_sums`; `begun`: sums that CONTINUED goes on with, BEGUN_STRIDE apart.
CK_INLINE void float_tile(
    const int rows, const int panels, const int bf16, int32_t k, const char *a, ptrdiff_t lda, const char *b,
    ptrdiff_t ldb, size_t panel_stride, float *c, ptrdiff_t ldc, tile_sums from,
    const float *begun) {
    enum { MOST = FLOAT_PANELS * PANEL_VECTORS };
    const int vectors = panels * PANEL_VECTORS;
    vf sums[TILE_ROWS][MOST];
    CK_UNROLL for (int r = 0; r < rows; r++) {
        CK_UNROLL for (int v = 0; v < vectors; v++)
            sums[r][v] = from == CONTINUED ? v_load(begun + r * BEGUN_STRIDE + v * V_WIDTH) : v_zero();
    }
    const char *bases[BASES];
    set_bases(rows, bases, a, lda);
// Vector v of what is at b, in any of the panels.
#define WEIGHTS (b + v / PANEL_VECTORS * panel_stride + v % PANEL_VECTORS * V_WIDTH * 4)
#define ADD_PRODUCTS(BYTES)                                                                                            \
    CK_UNROLL for (int r = 0; r < rows; r++) {                                                                         \
        vf x = v_set1(*(const float *)(row_at(bases, r, lda) + (BYTES)));                                              \
        if (vectors > 1) IN_REGISTER(x);                                                                               \
        CK_UNROLL for (int v = 0; v < vectors; v++) sums[r][v] = v_add_product(x, w[v], sums[r][v]);                   \
    }
    if (!bf16) {
        CK_UNROLL_TWICE for (int32_t i = 0; i < k; i++, b += ldb) {
            vf w[MOST];
            CK_UNROLL for (int p = 0; p < panels; p++) ck_prefetch(b + p * panel_stride);
            CK_UNROLL for (int v = 0; v < vectors; v++) w[v] = v_load((const float *)WEIGHTS);
            ADD_PRODUCTS(0)
            advance_bases(rows, bases, 4);
        }
    } else {
#if BF16_PAIRS
        CK_UNROLL_TWICE for (int32_t i = 0; i < k; i += 2, b += CK_PANEL * 4) {
            vi w[MOST];
            CK_UNROLL for (int p = 0; p < panels; p++) ck_prefetch(b + p * panel_stride);
            CK_UNROLL for (int v = 0; v < vectors; v++) w[v] = v_pairs(WEIGHTS);
            CK_UNROLL for (int r = 0; r < rows; r++) {
                vi x = v_pair(row_at(bases, r, lda));
                if (vectors > 1) IN_REGISTER(x);
                CK_UNROLL for (int v = 0; v < vectors; v++) sums[r][v] = v_dot_bf16(sums[r][v], x, w[v]);
            }
            advance_bases(rows, bases, 4);
        }
#else
        int32_t i = 0;
        vf w[MOST];
        for (; i + 2 <= k; i += 2, b += CK_PANEL * 4) {
            CK_UNROLL for (int p = 0; p < panels; p++) ck_prefetch(b + p * panel_stride);
            CK_UNROLL for (int v = 0; v < vectors; v++) w[v] = v_bf16_even(WEIGHTS);
            ADD_PRODUCTS(0)
            CK_UNROLL for (int v = 0; v < vectors; v++) w[v] = v_bf16_odd(WEIGHTS);
            ADD_PRODUCTS(4)
            advance_bases(rows, bases, 8);
        }
        if (i < k) {
            CK_UNROLL for (int v = 0; v < vectors; v++) w[v] = v_bf16_even(WEIGHTS);
            ADD_PRODUCTS(0)
        }
#endif
    }
#undef ADD_PRODUCTS
#undef WEIGHTS
    if (from == ADDED) {
        CK_UNROLL for (int r = 0; r < rows; r++) {
            CK_UNROLL for (int v = 0; v < vectors; v++)
                sums[r][v] = v_add(v_load(c + r * ldc + v * V_WIDTH), sums[r][v]);
        }
    }
    CK_UNROLL for (int r = 0; r < rows; r++) {
        CK_UNROLL for (int v = 0; v < vectors; v++) v_store(c + r * ldc + v * V_WIDTH, sums[r][v]);
    }
}

/// One panel of f32, up to TILE_ROWS rows. Also what attention is made of: `lda`, `ldb` in elements.
static void float_rows(
    int rows, int32_t k, const float *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb, float *c, ptrdiff_t ldc,
    tile_sums from, const float *begun) {
#define CASE(ROWS)                                                                                                     \
    case ROWS:                                                                                                         \
        float_tile(ROWS, 1, 0, k, (const char *)a, lda * 4, (const char *)b, ldb * 4, 0, c, ldc, from, begun);         \
        break;
    switch (rows) { TILE_CASES }
#undef CASE
}

/// One panel of bf16, up to BF16_TILE_ROWS rows.
static void bf16_rows(
    int rows, int32_t k, const char *a, ptrdiff_t lda, const char *b, float *c, ptrdiff_t ldc, tile_sums from,
    const float *begun) {
#define CASE(ROWS)                                                                                                     \
    case ROWS: float_tile(ROWS, 1, 1, k, a, lda, b, 0, 0, c, ldc, from, begun); break;
    switch (rows) { BF16_TILE_CASES }
#undef CASE
}

/// FLOAT_PANELS panels, up to WIDE_ROWS rows; all distances but `ldc` in bytes, `ldb` as in `float_tile`.
static void float_wide(
    int rows, int bf16, int32_t k, const char *a, ptrdiff_t lda, const char *b, ptrdiff_t ldb, size_t panel_stride,
    float *c, ptrdiff_t ldc, tile_sums from, const float *begun) {
#define CASE(ROWS)                                                                                                     \
    case ROWS:                                                                                                         \
        if (bf16) float_tile(ROWS, FLOAT_PANELS, 1, k, a, lda, b, 0, panel_stride, c, ldc, from, begun);               \
        else float_tile(ROWS, FLOAT_PANELS, 0, k, a, lda, b, ldb, panel_stride, c, ldc, from, begun);                  \
        break;
    switch (rows) { WIDE_CASES }
#undef CASE
}

CK_INLINE size_t float_panel_bytes(int32_t format, int32_t k) {
    size_t inputs = (size_t)k;
    return format == CK_F32 ? CK_PANEL * 4 * inputs : CK_PANEL * 2 * ck_round_up(inputs, 2);
}

/// Pairs of inputs are elements of 4 bytes, the even one in the lower half.
static ck_status pack_bf16_panel(int32_t k, int32_t count, const float *rows, ptrdiff_t ldrows, float *target) {
    _Alignas(64) float pairs[CK_PANEL][TURNED_ELEMENTS];
    uint32_t largest = 0;
    for (int32_t start = 0; start < k; start += 2 * TURNED_ELEMENTS, target += TURNED_ELEMENTS * CK_PANEL) {
        const int32_t inputs = ck_min(2 * TURNED_ELEMENTS, k - start);
        for (int32_t j = 0; j < count; j++) {
            const float *row = rows + j * ldrows + start;
            for (int32_t i = 0; i < inputs / 2; i++) {
                const uint32_t even = ck_to_bf16(row[2 * i]), odd = ck_to_bf16(row[2 * i + 1]);
                const uint32_t magnitudes = (even & 0x7fff) > (odd & 0x7fff) ? even & 0x7fff : odd & 0x7fff;
                largest = magnitudes > largest ? magnitudes : largest;
                pairs[j][i] = ck_float(even | odd << 16);
            }
            if (inputs % 2 != 0) {
                const uint32_t last = ck_to_bf16(row[inputs - 1]);
                largest = (last & 0x7fff) > largest ? last & 0x7fff : largest;
                pairs[j][inputs / 2] = ck_float(last);
            }
        }
        turn_rows(pairs[0], TURNED_ELEMENTS, count, (inputs + 1) / 2, target);
    }
    return largest << 16 >= CK_INFINITY_BITS ? CK_NOT_FINITE : CK_OK;
}

static ck_status pack_float_panel(
    int32_t format, int32_t k, int32_t count, const float *rows, ptrdiff_t ldrows, void *target) {
    if (format == CK_BF16) return pack_bf16_panel(k, count, rows, ldrows, target);
    int32_t largest = 0;
    for (int32_t j = 0; j < count; j++) {
        const float *row = rows + j * ldrows;
        for (int32_t i = 0; i < k; i++) largest = ck_max(largest, (int32_t)ck_magnitude(row[i]));
    }
    turn_rows(rows, ldrows, count, k, target);
    return largest >= CK_INFINITY_BITS ? CK_NOT_FINITE : CK_OK;
}

/// Writes or adds the finished sums of one panel; `scales` may be NULL.
CK_INLINE void store_row(float *y, const float *sums, const float *scales, int32_t count, int32_t flags) {
    for (int32_t v = 0; v < CK_PANEL && v < count; v += V_WIDTH) {
        int32_t rest = count - v;
        vf value = v_load(sums + v);
        if (scales != NULL) value = v_mul(value, v_load(scales + v));
        if (rest >= V_WIDTH) {
            v_store(y + v, flags & CK_GEMM_ADD ? v_add(v_load(y + v), value) : value);
        } else {
            v_store_part(y + v, flags & CK_GEMM_ADD ? v_add(v_load_part(y + v, rest), value) : value, rest);
        }
    }
}

enum {
    /// Rows whose sums are under way at once.
    CHUNK_ROWS = 128,
    /// Bytes of a panel that its sums advance by before the next tile of rows: they stay in the first-level cache.
    DEPTH_BYTES = 8192,
};

/// Up to CHUNK_ROWS rows over `panels` panels, at most FLOAT_PANELS: `y` is row 0's results of the first of them.
static void float_chunk(
    const ck_matrix *matrix, const char *a, ptrdiff_t lda, const char *b, int32_t rows, int32_t panels, int32_t count,
    float *y, ptrdiff_t ldy, int32_t flags) {
    const int bf16 = matrix->format == CK_BF16;
    const size_t stride = float_panel_bytes(matrix->format, matrix->k);
    const int32_t input_bytes = CK_PANEL * (bf16 ? 2 : 4), depth = DEPTH_BYTES / input_bytes;
    const int32_t most = bf16 ? BF16_TILE_ROWS : TILE_ROWS, tiles = (rows + most - 1) / most;
    const size_t value_bytes = bf16 ? BF16_BYTES : 4;
    _Alignas(64) float sums[CHUNK_ROWS * BEGUN_STRIDE];
    // The last tiles write whole panels of results themselves, and add to them where there are no sums to go on with.
    const int direct = count == panels * CK_PANEL && (matrix->k <= depth || !(flags & CK_GEMM_ADD));
    for (int32_t start = 0; start < matrix->k; start += depth) {
        const int32_t inputs = ck_min(depth, matrix->k - start);
        const int last = direct && start + inputs == matrix->k;
        const char *weights = b + (size_t)start * (size_t)input_bytes;
        const tile_sums from = start > 0 ? CONTINUED : last && flags & CK_GEMM_ADD ? ADDED : FRESH;
        const ptrdiff_t ldc = last ? ldy : BEGUN_STRIDE;
        for (int32_t tile = 0; tile < tiles; tile++) {
            const int32_t row = rows * tile / tiles, size = rows * (tile + 1) / tiles - row;
            const char *values = a + row * lda + (size_t)start * value_bytes;
            const float *begun = sums + row * BEGUN_STRIDE;
            float *c = (last ? y : sums) + row * ldc;
            if (size <= WIDE_ROWS && panels == FLOAT_PANELS) {
                float_wide(size, bf16, inputs, values, lda, weights, CK_PANEL * 4, stride, c, ldc, from, begun);
                continue;
            }
            for (int32_t p = 0; p < panels; p++, c += CK_PANEL, begun += CK_PANEL) {
                const char *one = weights + (size_t)p * stride;
                if (bf16) bf16_rows(size, inputs, values, lda, one, c, ldc, from, begun);
                else
                    float_rows(
                        size, inputs, (const float *)values, lda / 4, (const float *)one, CK_PANEL, c, ldc, from,
                        begun);
            }
        }
    }
    for (int32_t r = 0; r < rows && !direct; r++) {
        for (int32_t out = 0; out < count; out += CK_PANEL)
            store_row(y + r * ldy + out, sums + r * BEGUN_STRIDE + out, NULL, ck_min(CK_PANEL, count - out), flags);
    }
}

static void float_gemm(
    const ck_matrix *matrix, const void *x, ptrdiff_t ldx, float *y, ptrdiff_t ldy, int32_t first_row,
    int32_t last_row, int32_t first_panel, int32_t last_panel, int32_t flags) {
    const size_t stride = float_panel_bytes(matrix->format, matrix->k);
    for (int32_t row = first_row; row < last_row; row += CHUNK_ROWS) {
        for (int32_t panel = first_panel; panel < last_panel; panel += FLOAT_PANELS) {
            const int32_t panels = ck_min(FLOAT_PANELS, last_panel - panel), out = panel * CK_PANEL;
            float_chunk(
                matrix, (const char *)x + row * ldx, ldx, (const char *)matrix->data + (size_t)panel * stride,
                ck_min(CHUNK_ROWS, last_row - row), panels, ck_min(panels * CK_PANEL, matrix->n - out),
                y + row * ldy + out, ldy, flags);
        }
    }
}
