// Attention inside one message, for every SIMD level. Included behind `float_products.h`, of whose tiles it is made:
// scores are products with transposed keys, results are products with the values as they lie.

/// Query rows whose scores are held at once; `ck_attention_workspace` counts on it.
enum { QUERY_ROWS = 64 };

/// Panels of keys that tiles of rows multiply at once: where full tiles cannot take more than one, one stays in the
/// first-level cache for all of them.
enum { KEY_PANELS = WIDE_ROWS < TILE_ROWS ? 1 : FLOAT_PANELS };

/// The rows that row i sees, counted from the message's start.
typedef struct span {
    int32_t low, high;
} span;

CK_INLINE span visible(const ck_attention *a, int32_t row, int32_t length) {
    span s = {0, a->causal ? row + 1 : length};
    if (a->window > 0) {
        s.low = ck_max(0, row - a->window + 1);
        if (s.high - row > a->window) s.high = row + a->window;
    }
    return s;
}

/// Keys in panels of 16: [head_dim][16], zeros behind the last.
static void transpose_keys(const float *k, ptrdiff_t ldk, int32_t length, int32_t size, float *target) {
    for (int32_t first = 0; first < length; first += CK_PANEL, target += (size_t)size * CK_PANEL) {
        turn_rows(k + first * ldk, ldk, ck_min(CK_PANEL, length - first), size, target);
    }
}

/// Turns the scores of one row, times `scale` logarithms to the base 2, into weights that sum to 1; zero where the row
/// does not see, inside [all.low, all.high). Lanes are counted from the message's start, so the order of the sum is the
/// row's own.
static void soften(float *scores, span own, span all, float scale) {
    int32_t low = own.low / V_WIDTH * V_WIDTH, high = (own.high + V_WIDTH - 1) / V_WIDTH * V_WIDTH;
    vf top = v_set1(-INFINITY), factor = v_set1(scale), total = v_zero();
    for (int32_t j = low; j < high; j += V_WIDTH) v_store(scores + j, v_mul(v_load(scores + j), factor));
    for (int32_t j = low; j < own.low; j++) scores[j] = -INFINITY;
    for (int32_t j = own.high; j < high; j++) scores[j] = -INFINITY;
    for (int32_t j = low; j < high; j += V_WIDTH) top = v_max(top, v_load(scores + j));
    vf largest = v_set1(v_largest(top));
    for (int32_t j = low; j < high; j += V_WIDTH) {
        vf weight = v_exp2(v_sub(v_load(scores + j), largest));
        v_store(scores + j, weight);
        total = v_add(total, weight);
    }
    const vf inverse = v_set1(1 / v_sum(total));
    for (int32_t j = low; j < high; j += V_WIDTH) v_store(scores + j, v_mul(v_load(scores + j), inverse));
    for (int32_t j = all.low; j < own.low; j++) scores[j] = 0;
    for (int32_t j = own.high; j < all.high; j++) scores[j] = 0;
}

/// What a tile of rows sees together.
CK_INLINE span visible_together(const ck_attention *a, int32_t first, int32_t count, int32_t length) {
    return (span){visible(a, first, length).low, visible(a, first + count - 1, length).high};
}

/// Results of `count` rows (at most TILE_ROWS) from their weights.
static void weigh_values(
    int32_t count, span all, const float *weights, ptrdiff_t ldw, const float *v, ptrdiff_t ldv, int32_t size,
    float *out, ptrdiff_t ldo) {
    const int32_t k = all.high - all.low;
    weights += all.low;
    v += all.low * ldv;
    int32_t e = 0;
    for (; count <= WIDE_ROWS && e + FLOAT_PANELS * CK_PANEL <= size; e += FLOAT_PANELS * CK_PANEL)
        float_wide(
            count, 0, k, (const char *)weights, ldw * 4, (const char *)(v + e), ldv * 4, CK_PANEL * 4, out + e, ldo,
            FRESH, NULL);
    for (; e + CK_PANEL <= size; e += CK_PANEL)
        float_rows(count, k, weights, ldw, v + e, ldv, out + e, ldo, FRESH, NULL);
    for (; e < size; e++) {
        for (int32_t r = 0; r < count; r++) {
            float sum = 0;
            for (int32_t j = 0; j < k; j++) sum = __builtin_fmaf(weights[r * ldw + j], v[j * ldv + e], sum);
            out[r * ldo + e] = sum;
        }
    }
}

/// Scores of `count` rows (at most TILE_ROWS) with the keys of one panel or KEY_PANELS.
static void score_keys(
    int32_t count, const float *q, ptrdiff_t ldq, const float *keys, int32_t panels, int32_t size, float *scores,
    ptrdiff_t lds) {
    if (panels == 1)
        float_rows(count, size, q, ldq, keys, CK_PANEL, scores, lds, FRESH, NULL);
    else
        float_wide(
            count, 0, size, (const char *)q, ldq * 4, (const char *)keys, CK_PANEL * 4, (size_t)size * CK_PANEL * 4,
            scores, lds, FRESH, NULL);
}

/// One query head's rows [first, last), counted from the message's start; at most QUERY_ROWS.
static void attend_rows(
    const ck_attention *a, int32_t start, int32_t length, int32_t head, int32_t kv_head, int32_t first, int32_t last,
    const float *keys, float *scores) {
    const int32_t size = a->head_dim, rows = last - first;
    const ptrdiff_t lds = (ptrdiff_t)ck_round_up((size_t)length, CK_PANEL);
    const float *q = a->q + start * a->ldq + (ptrdiff_t)head * size;
    // Tiles of about equally many rows: a single row waits for each of its sums.
    const int32_t tiles = (rows + TILE_ROWS - 1) / TILE_ROWS, ends = (int32_t)lds;
    for (int32_t panel = 0; panel < ends; panel += KEY_PANELS * CK_PANEL) {
        const int32_t panels = ck_min(KEY_PANELS, (ends - panel) / CK_PANEL);
        for (int32_t tile = 0; tile < tiles; tile++) {
            const int32_t row = first + rows * tile / tiles, count = first + rows * (tile + 1) / tiles - row;
            const span all = visible_together(a, row, count, length);
            if (panel < all.high && panel + panels * CK_PANEL > all.low)
                score_keys(
                    count, q + row * a->ldq, a->ldq, keys + (size_t)panel * size, panels, size,
                    scores + (row - first) * lds + panel, lds);
        }
    }
    for (int32_t tile = 0; tile < tiles; tile++) {
        const int32_t row = first + rows * tile / tiles, count = first + rows * (tile + 1) / tiles - row;
        const span all = visible_together(a, row, count, length);
        float *weights = scores + (row - first) * lds;
        for (int32_t r = 0; r < count; r++)
            soften(weights + r * lds, visible(a, row + r, length), all, a->scale * LOG2_E);
        weigh_values(
            count, all, weights, lds, a->v + start * a->ldv + (ptrdiff_t)kv_head * size, a->ldv, size,
            a->out + (start + row) * a->ldo + (ptrdiff_t)head * size, a->ldo);
    }
}

static void attention(
    const ck_attention *a, int32_t start, int32_t end, int32_t kv_head, int32_t first_row, int32_t last_row,
    void *workspace) {
    const int32_t length = end - start, shared = a->heads / a->kv_heads;
    float *keys = workspace, *scores = keys + ck_round_up((size_t)length, CK_PANEL) * (size_t)a->head_dim;
    transpose_keys(
        a->k + start * a->ldk + (ptrdiff_t)kv_head * a->head_dim, a->ldk, length, a->head_dim, keys);
    for (int32_t head = kv_head * shared; head < (kv_head + 1) * shared; head++) {
        for (int32_t row = first_row; row < last_row; row += QUERY_ROWS) {
            int32_t last = ck_min(row + QUERY_ROWS, last_row);
            attend_rows(a, start, length, head, kv_head, row - start, last - start, keys, scores);
        }
    }
}
