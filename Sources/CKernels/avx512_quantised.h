// Products of quantised activations with int8 and NF4 weights on AVX-512: see `quantised_products.h`.

typedef uint8_t weight_t;
typedef uint8_t weight_byte_t;
#define CHAINED 0
// A tile of 7 rows: 14 totals and 14 sums, 2 weights, an activation.
enum { QUANTISED_PANELS = 2, QUANTISED_ROWS = 7 };
#define QUANTISED_CASES CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7)
enum { DEPTH_STEP = 4, WEIGHT_ZERO = 128, CODE_LIMIT = CK_NF4_BYTE };

/// A block of 512 bytes of codes to [16][16][4] values plus 128. Each 64 bytes hold two steps of inputs, one in the low
/// and one in the high nibbles.
CK_INLINE void decode_nf4(const uint8_t *codes, weight_t *target) {
    uint8_t bytes[16];
    for (int i = 0; i < 16; i++) bytes[i] = (uint8_t)(ck_nf4_bytes[i] + WEIGHT_ZERO);
    const vi values = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)bytes)), mask = _mm512_set1_epi8(15);
    for (int32_t i = 0; i < 8; i++) {
        vi both = _mm512_loadu_si512(codes + 64 * i);
        _mm512_storeu_si512(target + 128 * i, _mm512_shuffle_epi8(values, vi_and(both, mask)));
        _mm512_storeu_si512(
            target + 128 * i + 64, _mm512_shuffle_epi8(values, vi_and(_mm512_srli_epi16(both, 4), mask)));
    }
}

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
    size_t ahead_step;
} stream;

CK_INLINE stream start_stream(const int rows, const run *part) {
    stream at = {{0}, part->weights, part->ahead, ahead_step(part)};
    set_bases(rows, at.values, part->values, part->stride);
    return at;
}

/// Exact integer sums of one unit of inputs, in registers. Each activation is loaded once for both panels and each
/// weight once for all rows: of 7 rows 9 loads for 14 multiplications, so that these and not the loads are the bound
/// where a processor does one or two of each in a cycle.
CK_INLINE void unit_totals(
    const int rows, const int panels, const run *part, const int decoded, int32_t unit, stream *at,
    vi totals[][QUANTISED_PANELS]) {
    CK_UNROLL for (int r = 0; r < rows; r++) {
        const vi start = vi_set1(*(const int32_t *)(part->offsets + 4 * unit + r * part->stride));
        CK_UNROLL for (int p = 0; p < panels; p++) totals[r][p] = start;
    }
    const int32_t steps = decoded ? CK_NF4_BLOCK / DEPTH_STEP : unit_steps(part, unit);
    CK_UNROLL_TWICE for (int32_t step = 0; step < steps; step++) {
        vi weights[QUANTISED_PANELS];
        CK_UNROLL for (int p = 0; p < panels; p++) {
            weights[p] = _mm512_loadu_si512(at->weights + p * part->weight_stride);
            ck_fetch(at->ahead + 64 * p);
        }
        CK_UNROLL for (int r = 0; r < rows; r++) {
            int32_t four;
            memcpy(&four, row_at(at->values, r, part->stride), 4);
            vi x = vi_set1(four);
            if (panels > 1) IN_REGISTER(x);
            CK_UNROLL for (int p = 0; p < panels; p++)
                totals[r][p] = _mm512_dpbusd_epi32(totals[r][p], weights[p], x);
        }
        at->weights += 64;
        at->ahead += at->ahead_step;
        advance_bases(rows, at->values, 4);
    }
}

/// Totals of a unit and sums of all units are in registers. With the sums in memory and rows for twice as many totals
/// NF4, whose units are short, was slower by 2 to 4 % and int8 by 3 % (measured on Zen 5).
CK_INLINE void quantised_tile(const int rows, const int panels, const run *part, const int decoded, float *sums) {
    stream at = start_stream(rows, part);
    vf kept[QUANTISED_ROWS][QUANTISED_PANELS];
    CK_UNROLL for (int r = 0; r < rows; r++) {
        CK_UNROLL for (int p = 0; p < panels; p++)
            kept[r][p] = part->first ? v_zero() : v_load(sums + r * SUMS_STRIDE + p * CK_PANEL);
    }
    const char *scales = part->scales;
    for (int32_t unit = 0, scaled = 0; unit < part->units; unit++) {
        vi totals[QUANTISED_ROWS][QUANTISED_PANELS];
        unit_totals(rows, panels, part, decoded, unit, &at, totals);
        const char *weight_scales = (const char *)unit_weight_scales(part, unit);
        vf own[QUANTISED_PANELS];
        CK_UNROLL for (int p = 0; p < panels && decoded; p++)
            own[p] = v_load((const float *)(weight_scales + p * part->scale_stride));
        CK_UNROLL for (int r = 0; r < rows; r++) {
            const vf scale = v_set1(*(const float *)(scales + r * part->stride));
            CK_UNROLL for (int p = 0; p < panels; p++) {
                const vf factor = decoded ? v_mul(own[p], scale) : scale;
                kept[r][p] = v_add_product(v_from_int(totals[r][p]), factor, kept[r][p]);
            }
        }
        // Counted: a division for each unit is slow.
        if (!decoded || ++scaled == part->scale_units) {
            scales += 4;
            scaled = 0;
        }
    }
    float *target = part->y != NULL ? part->y : sums;
    const ptrdiff_t stride = part->y != NULL ? part->ldy : SUMS_STRIDE;
    CK_UNROLL for (int p = 0; p < panels; p++) {
        vf scale = v_set1(1);
        if (!decoded && part->y != NULL) scale = v_load((const float *)(part->output_scales + p * part->weight_stride));
        CK_UNROLL for (int r = 0; r < rows; r++)
            v_store(target + r * stride + p * CK_PANEL, decoded ? kept[r][p] : v_mul(kept[r][p], scale));
    }
}

static void quantised_rows(int rows, int panels, const run *part, int decoded, float *sums) {
#define CASE(ROWS)                                                                                                     \
    case ROWS:                                                                                                         \
        if (panels == 1 && decoded) quantised_tile(ROWS, 1, part, 1, sums);                                            \
        else if (panels == 1) quantised_tile(ROWS, 1, part, 0, sums);                                                  \
        else if (decoded) quantised_tile(ROWS, 2, part, 1, sums);                                                      \
        else quantised_tile(ROWS, 2, part, 0, sums);                                                                   \
        break;
    switch (rows) { QUANTISED_CASES }
#undef CASE
}
