// AVX2, FMA, F16C. Integer products multiply bytes (vpmaddubsw) in chains: unsigned activations, held too high by the
// largest magnitude, by signed weights; see `internal.h` for why no sum leaves 16 bits. Each sum starts at minus that
// magnitude times the sum of its weights, which packing left beside them, so the result is the exact signed product.
// One widening (vpmaddwd by ones) serves a chain of eight; 16-bit products took one for each half as many inputs.

#if defined(__x86_64__)

#include <immintrin.h>

#include "internal.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define CK_UNROLL _Pragma("clang loop unroll(full)")
#define CK_UNROLL_TWICE _Pragma("clang loop unroll_count(2)")
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#define CK_UNROLL _Pragma("GCC unroll 16")
#define CK_UNROLL_TWICE _Pragma("GCC unroll 2")
#endif

// MARK: Vocabulary

#define IN_REGISTER(x) (void)(x)

typedef __m256 vf;
typedef __m256i vi;
enum { V_WIDTH = 8 };

CK_INLINE vf v_zero(void) { return _mm256_setzero_ps(); }
CK_INLINE vf v_set1(float x) { return _mm256_set1_ps(x); }
CK_INLINE vf v_load(const float *p) { return _mm256_loadu_ps(p); }
CK_INLINE void v_store(float *p, vf x) { _mm256_storeu_ps(p, x); }
CK_INLINE vf v_add(vf a, vf b) { return _mm256_add_ps(a, b); }
CK_INLINE vf v_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
CK_INLINE vf v_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
CK_INLINE vf v_div(vf a, vf b) { return _mm256_div_ps(a, b); }
/// a * b + c
CK_INLINE vf v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
CK_INLINE vf v_add_product(vf a, vf b, vf c) { return v_fma(a, b, c); }
/// Both return b if either is NaN.
CK_INLINE vf v_max(vf a, vf b) { return _mm256_max_ps(a, b); }
CK_INLINE vf v_min(vf a, vf b) { return _mm256_min_ps(a, b); }

/// Ones in the first `count` lanes.
CK_INLINE vi first_lanes(int32_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/// `count` elements, zeros behind them; touches no other memory.
CK_INLINE vf v_load_part(const float *p, int32_t count) { return _mm256_maskload_ps(p, first_lanes(count)); }
CK_INLINE void v_store_part(float *p, vf x, int32_t count) { _mm256_maskstore_ps(p, first_lanes(count), x); }

CK_INLINE float v_sum(vf x) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/// Some NaN of x may be lost.
CK_INLINE float v_largest(vf x) {
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

/// To the nearest integer, ties to even.
CK_INLINE vi v_round(vf x) { return _mm256_cvtps_epi32(x); }
CK_INLINE vf v_from_int(vi x) { return _mm256_cvtepi32_ps(x); }

/// x less the nearest integer n, x held in -127...128. The operand order keeps NaN.
CK_INLINE vf v_split(vf x, vf *n) {
    x = v_min(v_set1(128), v_max(v_set1(-127), x));
    *n = _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT);
    return v_sub(x, *n);
}

/// y 2^n for a whole n; 0 for -127, infinite for 128.
CK_INLINE vf v_scale(vf y, vf n) {
    const vi exponent = _mm256_add_epi32(v_round(n), _mm256_set1_epi32(127));
    return v_mul(y, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
}

CK_INLINE vi vi_zero(void) { return _mm256_setzero_si256(); }
CK_INLINE vi vi_set1(int32_t x) { return _mm256_set1_epi32(x); }
CK_INLINE vi vi_and(vi a, vi b) { return _mm256_and_si256(a, b); }
CK_INLINE vi vi_max(vi a, vi b) { return _mm256_max_epi32(a, b); }

/// The bits of |x|.
CK_INLINE vi v_magnitude(vf x) { return vi_and(_mm256_castps_si256(x), _mm256_set1_epi32(0x7fffffff)); }

CK_INLINE uint32_t vi_largest(vi x) {
    __m128i four = _mm_max_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    __m128i two = _mm_max_epi32(four, _mm_unpackhi_epi64(four, four));
    return (uint32_t)_mm_cvtsi128_si32(_mm_max_epi32(two, _mm_shuffle_epi32(two, 1)));
}

#include "vector_math.h"

// MARK: Prepared rows: unsigned bytes, and bf16 values as f32

#define ACTIVATION_LIMIT CK_LIMIT_CHAIN
#define SUMS 0
typedef uint8_t value_t;
#define BF16_PAIRS 0
enum { BF16_BYTES = 4 };

CK_INLINE void store_values(value_t *target, vi values) {
    vi raised = _mm256_add_epi32(values, vi_set1(CK_LIMIT_CHAIN));
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(raised), _mm256_extracti128_si256(raised, 1));
    _mm_storel_epi64((__m128i *)target, _mm_packus_epi16(words, words));
}

CK_INLINE void store_bf16(void *target, vf values) {
    vi bits = _mm256_castps_si256(values), one = _mm256_set1_epi32(1);
    vi odd = vi_and(_mm256_srli_epi32(bits, 16), one);
    vi rounded = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
    vi quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    vi nan = _mm256_castps_si256(_mm256_cmp_ps(values, values, _CMP_UNORD_Q));
    vi result = _mm256_blendv_epi8(rounded, quiet, nan);
    _mm256_storeu_si256((__m256i *)target, vi_and(result, _mm256_set1_epi32((int32_t)0xffff0000)));
}

#include "row_steps.h"

enum { LOW_RANK_VECTORS = 2 };
#include "low_rank.h"

/// Codes 0 to 7, and 8 to 15.
typedef struct code_table {
    vf low, high;
} code_table;

CK_INLINE code_table load_table(const float values[16]) { return (code_table){v_load(values), v_load(values + 8)}; }

CK_INLINE void look_up(code_table table, const uint8_t *codes, float *target) {
    CK_UNROLL for (int half = 0; half < 2; half++) {
        int32_t four;
        memcpy(&four, codes + 4 * half, 4);
        // Each code in the lowest bits of a lane: permutations read three of them, its fourth goes to the sign, which
        // blends.
        const vi index = _mm256_srlv_epi32(vi_set1(four), _mm256_setr_epi32(4, 0, 12, 8, 20, 16, 28, 24));
        const vf low = _mm256_permutevar8x32_ps(table.low, index), high = _mm256_permutevar8x32_ps(table.high, index);
        v_store(target + 8 * half, _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(index, 28))));
    }
}

#include "four_bit.h"

// MARK: Products

#define TRANSPOSES 1
/// Turns 8 elements of `count` rows (at most as many) into [8 elements][CK_PANEL rows], zeros behind the last row.
CK_INLINE void transpose_eights(const float *x, ptrdiff_t ldx, int32_t count, float *target) {
    vf rows[8], pairs[8], fours[8];
    CK_UNROLL for (int r = 0; r < 8; r++) rows[r] = r < count ? v_load(x + r * ldx) : v_zero();
    // In each half: first two rows' elements side by side, then four rows'.
    CK_UNROLL for (int r = 0; r < 8; r += 2) {
        pairs[r] = _mm256_unpacklo_ps(rows[r], rows[r + 1]);
        pairs[r + 1] = _mm256_unpackhi_ps(rows[r], rows[r + 1]);
    }
    CK_UNROLL for (int r = 0; r < 8; r++) {
        const int first = r / 4 * 4 + r % 4 / 2;
        const __m256d low = _mm256_castps_pd(pairs[first]), high = _mm256_castps_pd(pairs[first + 2]);
        fours[r] = _mm256_castpd_ps(r % 2 == 0 ? _mm256_unpacklo_pd(low, high) : _mm256_unpackhi_pd(low, high));
    }
    // Half h of fours[4 q + e] is element 4 h + e of rows 4 q on.
    CK_UNROLL for (int e = 0; e < 4; e++) {
        v_store(target + e * CK_PANEL, _mm256_permute2f128_ps(fours[e], fours[4 + e], 0x20));
        v_store(target + (4 + e) * CK_PANEL, _mm256_permute2f128_ps(fours[e], fours[4 + e], 0x31));
    }
}

/// Turns CK_PANEL elements of `count` rows (at most as many) into [elements][CK_PANEL rows], zeros behind the last row.
CK_INLINE void transpose_square(const float *x, ptrdiff_t ldx, int32_t count, float *target) {
    for (int32_t row = 0; row < CK_PANEL; row += 8) {
        for (int32_t e = 0; e < CK_PANEL; e += 8)
            transpose_eights(x + row * ldx + e, ldx, count - row, target + e * CK_PANEL + row);
    }
}
#include "transposition.h"

// A tile of 6 rows and 2 vectors: 12 sums, 2 weights, an activation and a product fill the 16 registers. Widening bf16
// takes one more.
enum { TILE_ROWS = 6, BF16_TILE_ROWS = 5, FLOAT_PANELS = 2, WIDE_ROWS = 2 };
#define TILE_CASES CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#define BF16_TILE_CASES CASE(1) CASE(2) CASE(3) CASE(4) CASE(5)
#define WIDE_CASES CASE(1) CASE(2)

CK_INLINE vf v_bf16_even(const void *pairs) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_loadu_si256((const __m256i *)pairs), 16));
}

CK_INLINE vf v_bf16_odd(const void *pairs) {
    return _mm256_castsi256_ps(
        vi_and(_mm256_loadu_si256((const __m256i *)pairs), _mm256_set1_epi32((int32_t)0xffff0000)));
}

#include "float_products.h"

#include "attention.h"

typedef int8_t weight_t;
typedef int8_t weight_byte_t;
#define CHAINED 1
enum { QUANTISED_PANELS = 1, QUANTISED_ROWS = TILE_ROWS, NF4_ROWS = TILE_ROWS };
#define DECODES_IN_TILES 0
#define FUSES_UPDATES 0
enum { DEPTH_STEP = 4, WEIGHT_ZERO = 0, CODE_LIMIT = CK_NF4_BYTE };

/// A block of 512 bytes of codes, behind which its values lie, to [16][16][4] weights. Each 32 bytes hold a step of
/// inputs, 8 outputs in the low and 8 in the high nibbles.
CK_INLINE void decode_nf4(const uint8_t *codes, weight_t *target) {
    const __m128i *table = (const __m128i *)(codes + CK_PANEL * CK_NF4_BLOCK / 2 + CK_PANEL * 2);
    const vi values = _mm256_broadcastsi128_si256(_mm_loadu_si128(table)), mask = _mm256_set1_epi8(15);
    vi *out = (vi *)target;
    for (int32_t i = 0; i < 16; i++) {
        if (i % 2 == 0) ck_prefetch(codes + 32 * i);
        vi both = _mm256_load_si256((const vi *)codes + i);
        _mm256_store_si256(out + 2 * i, _mm256_shuffle_epi8(values, vi_and(both, mask)));
        _mm256_store_si256(
            out + 2 * i + 1, _mm256_shuffle_epi8(values, vi_and(_mm256_srli_epi16(both, 4), mask)));
    }
}

static void pack_codes(uint8_t codes[CK_PANEL][CK_NF4_BLOCK], uint8_t *target) {
    for (int32_t i = 0; i < 16; i++) {
        for (int32_t byte = 0; byte < 32; byte++) {
            const int32_t output = byte / 4, input = 4 * i + byte % 4;
            target[32 * i + byte] = (uint8_t)(codes[output][input] | codes[output + 8][input] << 4);
        }
    }
}

#include "quantised_products.h"

/// Keeps a sum in its register: without this the compiler adds in another order and spills most of a chain.
CK_INLINE vi in_register(vi x) {
    __asm__("" : "+x"(x));
    return x;
}

/// Adds one chain's products of `rows` rows to `totals`: 12 sums of 16 bits, 2 weights, an activation and a product
/// fill the 16 registers, so the totals are in memory.
CK_INLINE void chain(
    const int rows, const char *values, ptrdiff_t stride, const char *w, const int fetches, vi totals[TILE_ROWS][2]) {
    vi sums[TILE_ROWS][2];
    CK_UNROLL for (int step = 0; step < CK_CHAIN_STEPS; step++, values += 4, w += 64) {
        if (fetches) ck_prefetch(w);
        const vi w0 = _mm256_load_si256((const vi *)w), w1 = _mm256_load_si256((const vi *)w + 1);
        CK_UNROLL for (int r = 0; r < rows; r++) {
            int32_t four;
            memcpy(&four, values + r * stride, 4);
            const vi x = vi_set1(four), first = _mm256_maddubs_epi16(x, w0), second = _mm256_maddubs_epi16(x, w1);
            sums[r][0] = in_register(step == 0 ? first : _mm256_add_epi16(sums[r][0], first));
            sums[r][1] = in_register(step == 0 ? second : _mm256_add_epi16(sums[r][1], second));
        }
    }
    const vi ones = _mm256_set1_epi16(1);
    CK_UNROLL for (int r = 0; r < rows; r++) {
        CK_UNROLL for (int v = 0; v < 2; v++)
            totals[r][v] = _mm256_add_epi32(totals[r][v], _mm256_madd_epi16(sums[r][v], ones));
    }
}

/// Exact integer sums of one unit of inputs, then one scaling each, unit after unit.
CK_INLINE void quantised_tile(const int rows, const run *part, const int decoded, float *sums) {
    const char *values = part->values, *w = part->weights;
    for (int32_t unit = 0; unit < part->units; unit++) {
        vi totals[TILE_ROWS][PANEL_VECTORS];
        const vi *starts = (const vi *)(part->starts + unit * CK_PANEL);
        CK_UNROLL for (int r = 0; r < rows; r++) {
            CK_UNROLL for (int v = 0; v < PANEL_VECTORS; v++) totals[r][v] = _mm256_load_si256(starts + v);
        }
        const int32_t chains = (unit_steps(part, unit) + CK_CHAIN_STEPS - 1) / CK_CHAIN_STEPS;
        for (int32_t i = 0; i < chains; i++, values += CK_CHAIN_INPUTS, w += CK_CHAIN_INPUTS * CK_PANEL)
            chain(rows, values, part->stride, w, !decoded, totals);
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

const ck_kernels ck_avx2 = {
    "avx2", CK_LIMIT_CHAIN, decode_four_bit, add_low_rank, panel_bytes, pack_panel, pack_panel_nf4, row_bytes, prepare,
    rmsnorm_prepare, gated_prepare, rmsnorm, add, add_rmsnorm, gated, rope, attention, gemm,
};

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
