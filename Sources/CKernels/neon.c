// AArch64 with dot products. Integer products multiply signed bytes (sdot); bf16 is widened and multiplied as f32.

#if defined(__aarch64__)

#include <arm_neon.h>

#include "internal.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#define CK_UNROLL _Pragma("clang loop unroll(full)")
#define CK_UNROLL_TWICE _Pragma("clang loop unroll_count(2)")
#else
#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+dotprod")
#define CK_UNROLL _Pragma("GCC unroll 16")
#define CK_UNROLL_TWICE _Pragma("GCC unroll 2")
#endif

// MARK: Vocabulary

#define IN_REGISTER(x) (void)(x)

typedef float32x4_t vf;
typedef int32x4_t vi;
enum { V_WIDTH = 4 };

CK_INLINE vf v_zero(void) { return vdupq_n_f32(0); }
CK_INLINE vf v_set1(float x) { return vdupq_n_f32(x); }
CK_INLINE vf v_load(const float *p) { return vld1q_f32(p); }
CK_INLINE void v_store(float *p, vf x) { vst1q_f32(p, x); }
CK_INLINE vf v_add(vf a, vf b) { return vaddq_f32(a, b); }
CK_INLINE vf v_sub(vf a, vf b) { return vsubq_f32(a, b); }
CK_INLINE vf v_mul(vf a, vf b) { return vmulq_f32(a, b); }
CK_INLINE vf v_div(vf a, vf b) { return vdivq_f32(a, b); }
/// a * b + c
CK_INLINE vf v_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
CK_INLINE vf v_add_product(vf a, vf b, vf c) { return v_fma(a, b, c); }
/// Both return NaN if either is NaN.
CK_INLINE vf v_max(vf a, vf b) { return vmaxq_f32(a, b); }
CK_INLINE vf v_min(vf a, vf b) { return vminq_f32(a, b); }

/// `count` elements, zeros behind them; touches no other memory.
CK_INLINE vf v_load_part(const float *p, int32_t count) {
    float lanes[4] = {0};
    for (int32_t i = 0; i < count && i < V_WIDTH; i++) lanes[i] = p[i];
    return vld1q_f32(lanes);
}

CK_INLINE void v_store_part(float *p, vf x, int32_t count) {
    float lanes[4];
    vst1q_f32(lanes, x);
    for (int32_t i = 0; i < count && i < V_WIDTH; i++) p[i] = lanes[i];
}

CK_INLINE float v_sum(vf x) {
    float32x2_t two = vadd_f32(vget_low_f32(x), vget_high_f32(x));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

CK_INLINE float v_largest(vf x) { return vmaxvq_f32(x); }

/// To the nearest integer, ties to even.
CK_INLINE vi v_round(vf x) { return vcvtnq_s32_f32(x); }
CK_INLINE vf v_from_int(vi x) { return vcvtq_f32_s32(x); }

/// x less the nearest integer n, x held in -127...128.
CK_INLINE vf v_split(vf x, vf *n) {
    x = v_min(v_set1(128), v_max(v_set1(-127), x));
    *n = vrndnq_f32(x);
    return v_sub(x, *n);
}

/// y 2^n for a whole n; 0 for -127, infinite for 128.
CK_INLINE vf v_scale(vf y, vf n) {
    const vi exponent = vaddq_s32(v_round(n), vdupq_n_s32(127));
    return v_mul(y, vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23)));
}

CK_INLINE vi vi_zero(void) { return vdupq_n_s32(0); }
CK_INLINE vi vi_and(vi a, vi b) { return vandq_s32(a, b); }
CK_INLINE vi vi_max(vi a, vi b) { return vmaxq_s32(a, b); }
CK_INLINE uint32_t vi_largest(vi x) { return (uint32_t)vmaxvq_s32(x); }

/// The bits of |x|.
CK_INLINE vi v_magnitude(vf x) { return vi_and(vreinterpretq_s32_f32(x), vdupq_n_s32(0x7fffffff)); }

#include "vector_math.h"

// MARK: Prepared rows: bytes, and bf16 values as f32

#define ACTIVATION_LIMIT CK_LIMIT_BYTE
#define SUMS 0
typedef int8_t value_t;
#define BF16_PAIRS 0
enum { BF16_BYTES = 4 };

CK_INLINE void store_values(value_t *target, vi values) {
    int16x4_t words = vmovn_s32(values);
    int32x2_t bytes = vreinterpret_s32_s8(vmovn_s16(vcombine_s16(words, words)));
    const int32_t four = vget_lane_s32(bytes, 0);
    memcpy(target, &four, 4);
}

CK_INLINE void store_bf16(void *target, vf values) {
    uint32x4_t bits = vreinterpretq_u32_f32(values);
    uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    uint32x4_t rounded = vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7fff)), odd);
    uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
    uint32x4_t result = vbslq_u32(vceqq_f32(values, values), rounded, quiet);
    vst1q_u32(target, vandq_u32(result, vdupq_n_u32(0xffff0000)));
}

#include "row_steps.h"

enum { LOW_RANK_VECTORS = 4 };
#include "low_rank.h"

/// The first byte of all 16 values, the second, the third, the fourth.
typedef uint8x16x4_t code_table;

CK_INLINE code_table load_table(const float values[16]) { return vld4q_u8((const uint8_t *)values); }

CK_INLINE void look_up(code_table table, const uint8_t *codes, float *target) {
    const uint8x8_t bytes = vld1_u8(codes);
    const uint8x8x2_t nibbles = vzip_u8(vshr_n_u8(bytes, 4), vand_u8(bytes, vdup_n_u8(15)));
    const uint8x16_t index = vcombine_u8(nibbles.val[0], nibbles.val[1]);
    uint8x16x4_t values;
    CK_UNROLL for (int byte = 0; byte < 4; byte++) values.val[byte] = vqtbl1q_u8(table.val[byte], index);
    vst4q_u8((uint8_t *)target, values);
}

#include "four_bit.h"

// MARK: Products

#define TRANSPOSES 0
#include "transposition.h"

// A tile of 6 rows and 4 vectors: 24 sums, 4 weights, an activation of the 32 registers.
enum { TILE_ROWS = 6, BF16_TILE_ROWS = 6, FLOAT_PANELS = 2, WIDE_ROWS = 2 };
#define TILE_CASES CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#define BF16_TILE_CASES TILE_CASES
#define WIDE_CASES CASE(1) CASE(2)

CK_INLINE vf v_bf16_even(const void *pairs) { return vreinterpretq_f32_u32(vshlq_n_u32(vld1q_u32(pairs), 16)); }

CK_INLINE vf v_bf16_odd(const void *pairs) {
    return vreinterpretq_f32_u32(vandq_u32(vld1q_u32(pairs), vdupq_n_u32(0xffff0000)));
}

#include "float_products.h"

#include "attention.h"

typedef int8_t weight_t;
typedef int8_t weight_byte_t;
#define CHAINED 0
enum { QUANTISED_PANELS = 1, QUANTISED_ROWS = TILE_ROWS, NF4_ROWS = TILE_ROWS };
#define DECODES_IN_TILES 0
#define FUSES_UPDATES 0
enum { DEPTH_STEP = 4, WEIGHT_ZERO = 0, CODE_LIMIT = CK_NF4_BYTE };

/// A block of 512 bytes of codes to [16][16][4] values. Each 64 bytes hold two steps of inputs, one in the low and one
/// in the high nibbles.
CK_INLINE void decode_nf4(const uint8_t *codes, weight_t *target) {
    const int8x16_t values = vld1q_s8(ck_nf4_bytes);
    for (int32_t i = 0; i < 8; i++) {
        ck_prefetch(codes + 64 * i);
        CK_UNROLL for (int32_t part = 0; part < 4; part++) {
            const uint8x16_t both = vld1q_u8(codes + 64 * i + 16 * part);
            vst1q_s8(target + 128 * i + 16 * part, vqtbl1q_s8(values, vandq_u8(both, vdupq_n_u8(15))));
            vst1q_s8(target + 128 * i + 64 + 16 * part, vqtbl1q_s8(values, vshrq_n_u8(both, 4)));
        }
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

/// Exact integer sums of one unit of inputs in registers, then one scaling each, unit after unit.
CK_INLINE void quantised_tile(const int rows, const run *part, const int decoded, float *sums) {
    const char *values = part->values;
    const int8_t *w = (const int8_t *)part->weights;
    for (int32_t unit = 0; unit < part->units; unit++) {
        vi totals[TILE_ROWS][PANEL_VECTORS];
        CK_UNROLL for (int r = 0; r < rows; r++) {
            CK_UNROLL for (int v = 0; v < PANEL_VECTORS; v++) totals[r][v] = vi_zero();
        }
        const int32_t steps = unit_steps(part, unit);
        CK_UNROLL_TWICE for (int32_t step = 0; step < steps; step++, values += 4, w += 64) {
            int8x16_t weights[PANEL_VECTORS];
            if (!decoded) ck_prefetch(w);
            CK_UNROLL for (int v = 0; v < PANEL_VECTORS; v++) weights[v] = vld1q_s8(w + 16 * v);
            CK_UNROLL for (int r = 0; r < rows; r++) {
                int32_t four;
                memcpy(&four, values + r * part->stride, 4);
                const int8x16_t x = vreinterpretq_s8_s32(vdupq_n_s32(four));
                CK_UNROLL for (int v = 0; v < PANEL_VECTORS; v++)
                    totals[r][v] = vdotq_s32(totals[r][v], weights[v], x);
            }
        }
        finish_unit(rows, part, unit, decoded, totals, sums);
    }
}

static void quantised_rows(int rows, int panels, const run *part, weight_form form, float *sums) {
    (void)panels;
#define CASE(ROWS)                                                                                                     \
    case ROWS:                                                                                                         \
        if (form == DECODED) quantised_tile(ROWS, part, 1, sums);                                                      \
        else quantised_tile(ROWS, part, 0, sums);                                                                      \
        break;
    switch (rows) { TILE_CASES }
#undef CASE
}

const ck_kernels ck_neon = {
    "neon", CK_LIMIT_BYTE, decode_four_bit, add_low_rank, panel_bytes, pack_panel, pack_panel_nf4, row_bytes, prepare,
    rmsnorm_prepare, gated_prepare, rmsnorm, add, add_rmsnorm, gated, rope, attention, gemm,
};

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
