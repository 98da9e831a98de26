// Products of quantised activations with int8 and NF4 weights on AVX-512: see `quantised_products.h`.

typedef uint8_t weight_byte_t;
#define CHAINED 0
#define DECODES_IN_TILES 1
#define FUSES_UPDATES 1
// A tile of 7 rows and two panels: 14 totals and 14 sums, 2 weights, an activation. One of 14 rows of NF4's codes over
// one panel: as many, two weights, the code book and a mask; activations are read where they are multiplied.
enum { QUANTISED_PANELS = 2, QUANTISED_ROWS = 7, NF4_ROWS = 14 };
#define QUANTISED_CASES CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7)
// LEAST_DECODED_ROWS and more are cut into tiles of these.
#define DECODED_CASES CASE(5) CASE(6) CASE(7)
enum { LEAST_DECODED_ROWS = 28, MOST_DECODED_INPUTS = 2048 };
enum { DEPTH_STEP = 4, WEIGHT_ZERO = 128, CODE_LIMIT = CK_NF4_BYTE };

/// Each 64 bytes of a block's 512 hold two steps of inputs, one in the low and one in the high nibbles.
static void pack_codes(uint8_t codes[CK_PANEL][CK_NF4_BLOCK], uint8_t *target) {
    for (int32_t i = 0; i < 8; i++) {
        for (int32_t byte = 0; byte < 64; byte++) {
            const int32_t output = byte / 4, input = 8 * i + byte % 4;
            target[64 * i + byte] = (uint8_t)(codes[output][input] | codes[output][input + 4] << 4);
        }
    }
}

#include "quantised_products.h"

/// What a tile reads, from step to step.
typedef struct stream {
    const char *values[BASES], *weights, *ahead;
} stream;

/// What totals start with: each row's at `starts`, `stride` bytes apart.
CK_INLINE void start_totals(
    const int rows, const int panels, const char *starts, ptrdiff_t stride, vi totals[][QUANTISED_PANELS]) {
    CK_UNROLL for (int r = 0; r < rows; r++) {
        const vi start = vi_set1(*(const int32_t *)(starts + r * stride));
        CK_UNROLL for (int p = 0; p < panels; p++) totals[r][p] = start;
    }
}

/// Adds the products of four inputs to `totals`. Each activation is loaded once for both panels and each weight once
/// for all rows: of 7 rows 9 loads for 14 multiplications, so that these and not the loads are the bound where a
/// processor does one or two of each in a cycle.
CK_INLINE void multiply_rows(
    const int rows, const int panels, ptrdiff_t stride, const vi weights[QUANTISED_PANELS], const char *values[BASES],
    vi totals[][QUANTISED_PANELS]) {
    CK_UNROLL for (int r = 0; r < rows; r++) {
        int32_t four;
        memcpy(&four, row_at(values, r, stride), 4);
        vi x = vi_set1(four);
        if (panels > 1) IN_REGISTER(x);
        CK_UNROLL for (int p = 0; p < panels; p++) totals[r][p] = _mm512_dpbusd_epi32(totals[r][p], weights[p], x);
    }
    advance_bases(rows, values, DEPTH_STEP);
}

/// A step of a run, while weights are fetched that are multiplied later.
CK_INLINE void multiply_step(
    const int rows, const int panels, const run *part, const vi weights[QUANTISED_PANELS], stream *at,
    vi totals[][QUANTISED_PANELS]) {
    CK_UNROLL for (int p = 0; p < panels; p++) ck_fetch(at->ahead + 64 * p);
    multiply_rows(rows, panels, part->stride, weights, at->values, totals);
    at->ahead += part->ahead_step;
}

/// Exact integer sums of one unit of inputs, in registers.
CK_INLINE void unit_totals(
    const int rows, const int panels, const run *part, int32_t unit, stream *at, vi totals[][QUANTISED_PANELS]) {
    CK_UNROLL_TWICE for (int32_t step = 0; step < unit_steps(part, unit); step++) {
        vi weights[QUANTISED_PANELS];
        CK_UNROLL for (int p = 0; p < panels; p++)
            weights[p] = _mm512_loadu_si512(at->weights + p * part->weight_stride);
        multiply_step(rows, panels, part, weights, at, totals);
        at->weights += 64;
    }
}

/// What each NF4 code stands for, as a weight, in each lane of 128 bits.
CK_INLINE vi code_values(void) {
    uint8_t bytes[16];
    for (int i = 0; i < 16; i++) bytes[i] = (uint8_t)(ck_nf4_bytes[i] + WEIGHT_ZERO);
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)bytes));
}

/// The weights of two steps, whose codes are the 64 bytes at `codes`; `values` are `code_values`.
CK_INLINE void decode_steps(const char *codes, vi values, vi weights[2]) {
    const vi both = _mm512_loadu_si512(codes), mask = _mm512_set1_epi8(15);
    weights[0] = _mm512_shuffle_epi8(values, vi_and(both, mask));
    weights[1] = _mm512_shuffle_epi8(values, vi_and(_mm512_srli_epi16(both, 4), mask));
}

/// The same of a block of NF4's codes, two steps in 64 bytes, decoded in registers.
CK_INLINE void block_totals(const int rows, const run *part, stream *at, vi totals[][QUANTISED_PANELS]) {
    const vi values = code_values();
    for (int32_t i = 0; i < NF4_CODE_BYTES; i += 64) {
        vi weights[2];
        decode_steps(at->weights + i, values, weights);
        multiply_step(rows, 1, part, &weights[0], at, totals);
        multiply_step(rows, 1, part, &weights[1], at, totals);
    }
    at->weights += NF4_BLOCK_BYTES;
}

/// Adds the products of `update` to `results`, scaled once: one group of few inputs.
CK_INLINE void add_update(
    const int rows, const int panels, const narrow *update, vf results[][QUANTISED_PANELS]) {
    const int32_t k = update->k;
    const char *values[BASES];
    set_bases(rows, values, update->x + value_offset(k, k), update->ldx);
    vi totals[NF4_ROWS][QUANTISED_PANELS];
    start_totals(rows, panels, update->x + scale_bytes(k, k), update->ldx, totals);
    for (int32_t i = 0; i < k; i += DEPTH_STEP) {
        const char *step = update->panel + CK_PANEL * (ptrdiff_t)i;
        vi weights[QUANTISED_PANELS];
        CK_UNROLL for (int p = 0; p < panels; p++)
            weights[p] = _mm512_loadu_si512(step + p * update->panel_stride);
        multiply_rows(rows, panels, update->ldx, weights, values, totals);
    }
    CK_UNROLL for (int p = 0; p < panels; p++) {
        const vf output = v_load((const float *)(update->panel + p * update->panel_stride + int8_weight_bytes(k)));
        CK_UNROLL for (int r = 0; r < rows; r++) {
            const vf scale = v_set1(*(const float *)(update->x + r * update->ldx));
            const vf sum = v_add_product(v_from_int(totals[r][p]), scale, v_zero());
            results[r][p] = v_add(results[r][p], v_mul(sum, output));
        }
    }
}

/// Totals of a unit and sums of all units are in registers. With the sums in memory and rows for twice as many totals
/// int8 was slower by 3 % (measured on Zen 5).
CK_INLINE void quantised_tile(
    const int rows, const int panels, const run *part, const weight_form form, float *sums) {
    stream at = {{0}, part->weights, part->ahead};
    set_bases(rows, at.values, part->values, part->stride);
    vf kept[NF4_ROWS][QUANTISED_PANELS];
    CK_UNROLL for (int r = 0; r < rows; r++) {
        CK_UNROLL for (int p = 0; p < panels; p++) kept[r][p] = v_zero();
    }
    const char *scales = part->scales;
    for (int32_t unit = 0, scaled = 0; unit < part->units; unit++) {
        vi totals[NF4_ROWS][QUANTISED_PANELS];
        start_totals(rows, panels, part->offsets + 4 * unit, part->stride, totals);
        if (form == CODES) block_totals(rows, part, &at, totals);
        else unit_totals(rows, panels, part, unit, &at, totals);
        vf own[QUANTISED_PANELS];
        CK_UNROLL for (int p = 0; p < panels; p++)
            own[p] = form == INT8 ? v_zero() : v_load(unit_weight_scales(part, unit, p));
        CK_UNROLL for (int r = 0; r < rows; r++) {
            const vf scale = v_set1(*(const float *)(scales + r * part->stride));
            CK_UNROLL for (int p = 0; p < panels; p++) {
                const vf factor = form == INT8 ? scale : v_mul(own[p], scale);
                kept[r][p] = v_add_product(v_from_int(totals[r][p]), factor, kept[r][p]);
            }
        }
        // Counted: a division for each unit is slow.
        if (++scaled == part->scale_units) {
            scales += 4;
            scaled = 0;
        }
    }
    CK_UNROLL for (int p = 0; p < panels && form == INT8 && part->y != NULL; p++) {
        const vf scale = v_load((const float *)(part->output_scales + p * part->weight_stride));
        CK_UNROLL for (int r = 0; r < rows; r++) kept[r][p] = v_mul(kept[r][p], scale);
    }
    if (form != INT8 && part->update.x != NULL) add_update(rows, panels, &part->update, kept);
    float *target = part->y != NULL ? part->y : sums;
    const ptrdiff_t stride = part->y != NULL ? part->ldy : SUMS_STRIDE;
    if (part->y != NULL && part->adds) {
        CK_UNROLL for (int r = 0; r < rows; r++) {
            CK_UNROLL for (int p = 0; p < panels; p++)
                kept[r][p] = v_add(v_load(target + r * stride + p * CK_PANEL), kept[r][p]);
        }
    }
    CK_UNROLL for (int p = 0; p < panels; p++) {
        CK_UNROLL for (int r = 0; r < rows; r++) v_store(target + r * stride + p * CK_PANEL, kept[r][p]);
    }
}

static void quantised_rows(int rows, int panels, const run *part, weight_form form, float *sums) {
#define CASE(ROWS)                                                                                                     \
    case ROWS: quantised_tile(ROWS, 1, part, CODES, sums); return;
    if (form == CODES) {
        switch (rows) { TILE_CASES }
    }
#undef CASE
#define CASE(ROWS)                                                                                                     \
    case ROWS:                                                                                                         \
        if (panels == 1) quantised_tile(ROWS, 1, part, DECODED, sums);                                                 \
        else quantised_tile(ROWS, 2, part, DECODED, sums);                                                             \
        return;
    if (form == DECODED) {
        switch (rows) { DECODED_CASES }
    }
#undef CASE
#define CASE(ROWS)                                                                                                     \
    case ROWS:                                                                                                         \
        if (panels == 1) quantised_tile(ROWS, 1, part, INT8, sums);                                                    \
        else quantised_tile(ROWS, 2, part, INT8, sums);                                                                \
        break;
    switch (rows) { QUANTISED_CASES }
#undef CASE
}

/// A panel's codes as the weights that `unit_totals` reads.
static void decode_panel(const char *panel, int32_t blocks, char *target) {
    const vi values = code_values();
    for (int32_t block = 0; block < blocks; block++, panel += NF4_BLOCK_BYTES) {
        for (int32_t i = 0; i < NF4_CODE_BYTES; i += 64, target += 128) {
            vi weights[2];
            decode_steps(panel + CK_PANEL * 4 + i, values, weights);
            _mm512_store_si512(target, weights[0]);
            _mm512_store_si512(target + 64, weights[1]);
        }
    }
}

/// Decoding costs a tile of CODES more than its rows' share of decoding to memory once there are many rows, where the
/// processor has one unit for shuffles and starts four instructions in a cycle (Intel's without BF16; measured on
/// Cascade Lake). On Zen 4 tiles of CODES are faster up to 32 rows and as fast beyond.
static void nf4_panels(const product *of, float *sums) {
    const int32_t k = of->matrix->k, group = of->matrix->group, steps = CK_NF4_BLOCK / DEPTH_STEP;
    const size_t stride = panel_bytes(CK_NF4, k, group);
    run all = {
        of->x + value_offset(k, group), of->x, of->x + 2 * scale_bytes(k, group), of->ldx,
        of->panel + CK_PANEL * 4, of->panel, 0, stride, NULL, k / CK_NF4_BLOCK, group / CK_NF4_BLOCK, steps, steps, 1,
        of->y, of->adds, of->ldy, NULL, of->panel + of->panels * stride, of->panels * stride, 0, of->update};
    if (!BF16_PAIRS && of->rows >= LEAST_DECODED_ROWS && k <= MOST_DECODED_INPUTS) {
        _Alignas(64) char weights[QUANTISED_PANELS * CK_PANEL * MOST_DECODED_INPUTS];
        for (int32_t p = 0; p < of->panels; p++)
            decode_panel(of->panel + p * stride, k / CK_NF4_BLOCK, weights + p * CK_PANEL * k);
        all.weights = weights;
        all.weight_stride = (size_t)CK_PANEL * k;
        multiply_run(all, of->rows, of->panels, DECODED, sums);
        return;
    }
    all.ahead_bytes = stride;
    for (int32_t p = 0; p < of->panels; p++) {
        multiply_run(all, of->rows, 1, CODES, sums + p * CK_PANEL);
        all.weights += stride;
        all.weight_scales += stride;
        all.ahead += stride;
        if (all.y != NULL) all.y += CK_PANEL;
        if (all.update.x != NULL) all.update.panel += all.update.panel_stride;
    }
}
