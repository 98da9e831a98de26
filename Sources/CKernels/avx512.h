// AVX-512 F, BW, VL, DQ with VNNI, and with BF16 on top: the body of both levels. The including file defines BF16_PAIRS
// (whether products take pairs of bf16) and turns the instruction sets on.
//
// Integer products multiply bytes (vpdpbusd): unsigned weights, held 128 too high, by signed activations; each sum
// starts at -128 times the sum of its activations, which `prepare` left beside them, so the result is the exact signed
// product.

// MARK: Vocabulary

// CK_EMULATED: this file is compiled with its intrinsics emulated on a processor without AVX-512, to test it there.
#if defined(CK_EMULATED)
#define IN_REGISTER(x) (void)(x)
#else
#define IN_REGISTER(x) __asm__("" : "+v"(x))
#endif

typedef __m512 vf;
typedef __m512i vi;
enum { V_WIDTH = 16 };

CK_INLINE vf v_zero(void) { return _mm512_setzero_ps(); }
CK_INLINE vf v_set1(float x) { return _mm512_set1_ps(x); }
CK_INLINE vf v_load(const float *p) { return _mm512_loadu_ps(p); }
CK_INLINE void v_store(float *p, vf x) { _mm512_storeu_ps(p, x); }
CK_INLINE vf v_add(vf a, vf b) { return _mm512_add_ps(a, b); }
CK_INLINE vf v_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
CK_INLINE vf v_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
CK_INLINE vf v_div(vf a, vf b) { return _mm512_div_ps(a, b); }
/// a * b + c
CK_INLINE vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
/// The same, in the register of c. Compilers also choose the form that overwrites a, and then move all sums of a tile
/// from register to register, and to memory and back.
CK_INLINE vf v_add_product(vf a, vf b, vf c) {
#if defined(CK_EMULATED)
    return v_fma(a, b, c);
#else
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(c) : "v"(a), "v"(b));
    return c;
#endif
}
/// Both return b if either is NaN.
CK_INLINE vf v_max(vf a, vf b) { return _mm512_max_ps(a, b); }
CK_INLINE vf v_min(vf a, vf b) { return _mm512_min_ps(a, b); }

CK_INLINE __mmask16 first_lanes(int32_t count) { return (__mmask16)((1u << count) - 1); }

/// `count` elements (fewer than V_WIDTH, or all), zeros behind them; touches no other memory.
CK_INLINE vf v_load_part(const float *p, int32_t count) { return _mm512_maskz_loadu_ps(first_lanes(count), p); }
CK_INLINE void v_store_part(float *p, vf x, int32_t count) { _mm512_mask_storeu_ps(p, first_lanes(count), x); }

// The compiler's own reductions are fixed trees, but not ones that every compiler promises.
CK_INLINE __m256 v_low(vf x) { return _mm512_castps512_ps256(x); }
CK_INLINE __m256 v_high(vf x) { return _mm512_extractf32x8_ps(x, 1); }

CK_INLINE float v_sum(vf x) {
    __m256 eight = _mm256_add_ps(v_low(x), v_high(x));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/// Some NaN of x may be lost.
CK_INLINE float v_largest(vf x) {
    __m256 eight = _mm256_max_ps(v_low(x), v_high(x));
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

/// To the nearest integer, ties to even.
CK_INLINE vi v_round(vf x) { return _mm512_cvtps_epi32(x); }
CK_INLINE vf v_from_int(vi x) { return _mm512_cvtepi32_ps(x); }

/// x less the nearest integer n; 0 for an infinite x.
CK_INLINE vf v_split(vf x, vf *n) {
    *n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT);
    return _mm512_reduce_ps(x, _MM_FROUND_TO_NEAREST_INT);
}

/// y 2^n for a whole n.
CK_INLINE vf v_scale(vf y, vf n) { return _mm512_scalef_ps(y, n); }

CK_INLINE vi vi_zero(void) { return _mm512_setzero_si512(); }
CK_INLINE vi vi_set1(int32_t x) { return _mm512_set1_epi32(x); }
CK_INLINE vi vi_and(vi a, vi b) { return _mm512_and_si512(a, b); }
CK_INLINE vi vi_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
CK_INLINE vi vi_max(vi a, vi b) { return _mm512_max_epi32(a, b); }
CK_INLINE int32_t vi_sum(vi x) { return _mm512_reduce_add_epi32(x); }

/// The bits of |x|.
CK_INLINE vi v_magnitude(vf x) { return vi_and(_mm512_castps_si512(x), _mm512_set1_epi32(0x7fffffff)); }
CK_INLINE uint32_t vi_largest(vi x) { return (uint32_t)_mm512_reduce_max_epi32(x); }

#include "vector_math.h"

// MARK: Prepared rows: bytes with their sums; bf16 values

#define ACTIVATION_LIMIT CK_LIMIT_BYTE
#define SUMS 1
typedef int8_t value_t;
enum { BF16_BYTES = BF16_PAIRS ? 2 : 4 };

CK_INLINE void store_values(value_t *target, vi values) {
    _mm_storeu_si128((__m128i *)target, _mm512_cvtepi32_epi8(values));
}

/// A block of 64 values in four vectors; returns the sums of fours.
CK_INLINE vi store_block(value_t *target, const vi values[4]) {
    // Packing goes lane by lane: it leaves 4 values of each vector in turn.
    const vi order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const vi mixed = _mm512_packs_epi16(
        _mm512_packs_epi32(values[0], values[1]), _mm512_packs_epi32(values[2], values[3]));
    const vi bytes = _mm512_permutexvar_epi32(order, mixed);
    _mm512_storeu_si512(target, bytes);
    return _mm512_dpbusd_epi32(vi_zero(), _mm512_set1_epi8(1), bytes);
}

CK_INLINE void store_bf16(void *target, vf values) {
    vi bits = _mm512_castps_si512(values);
    vi odd = vi_and(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    vi rounded = vi_add(vi_add(bits, _mm512_set1_epi32(0x7fff)), odd);
    vi quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    vi result = _mm512_mask_mov_epi32(rounded, _mm512_cmp_ps_mask(values, values, _CMP_UNORD_Q), quiet);
#if BF16_PAIRS
    _mm256_storeu_si256((__m256i *)target, _mm512_cvtepi32_epi16(_mm512_srli_epi32(result, 16)));
#else
    _mm512_storeu_si512(target, vi_and(result, _mm512_set1_epi32((int32_t)0xffff0000)));
#endif
}

#include "row_steps.h"

enum { LOW_RANK_VECTORS = 4 };
#include "low_rank.h"

typedef vf code_table;

CK_INLINE code_table load_table(const float values[16]) { return v_load(values); }

CK_INLINE void look_up(code_table table, const uint8_t *codes, float *target) {
    const vi bytes = _mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i *)codes));
    // Each byte's nibbles to the lowest bits of a lane each, the high one first. The look-up reads four bits.
    const vi index = _mm512_or_si512(_mm512_srli_epi64(bytes, 4), _mm512_slli_epi64(bytes, 32));
    v_store(target, _mm512_permutexvar_ps(index, table));
}

#include "four_bit.h"

// MARK: Products

#define TRANSPOSES 1
/// Turns CK_PANEL elements of `count` rows (at most as many) into [elements][CK_PANEL rows], zeros behind the last row.
CK_INLINE void transpose_square(const float *x, ptrdiff_t ldx, int32_t count, float *target) {
    vf rows[16], pairs[16], fours[16];
    CK_UNROLL for (int r = 0; r < 16; r++) rows[r] = r < count ? v_load(x + r * ldx) : v_zero();
    // In each lane of 128 bits: first two rows' elements side by side, then four rows'.
    CK_UNROLL for (int r = 0; r < 16; r += 2) {
        pairs[r] = _mm512_unpacklo_ps(rows[r], rows[r + 1]);
        pairs[r + 1] = _mm512_unpackhi_ps(rows[r], rows[r + 1]);
    }
    CK_UNROLL for (int r = 0; r < 16; r++) {
        const int first = r / 4 * 4 + r % 4 / 2;
        const __m512d low = _mm512_castps_pd(pairs[first]), high = _mm512_castps_pd(pairs[first + 2]);
        fours[r] = _mm512_castpd_ps(r % 2 == 0 ? _mm512_unpacklo_pd(low, high) : _mm512_unpackhi_pd(low, high));
    }
    // Lane l of fours[4 q + e] is element 4 l + e of rows 4 q on.
    CK_UNROLL for (int e = 0; e < 4; e++) {
        const vf a = _mm512_shuffle_f32x4(fours[e], fours[4 + e], 0x44);
        const vf b = _mm512_shuffle_f32x4(fours[8 + e], fours[12 + e], 0x44);
        const vf c = _mm512_shuffle_f32x4(fours[e], fours[4 + e], 0xee);
        const vf d = _mm512_shuffle_f32x4(fours[8 + e], fours[12 + e], 0xee);
        v_store(target + e * CK_PANEL, _mm512_shuffle_f32x4(a, b, 0x88));
        v_store(target + (4 + e) * CK_PANEL, _mm512_shuffle_f32x4(a, b, 0xdd));
        v_store(target + (8 + e) * CK_PANEL, _mm512_shuffle_f32x4(c, d, 0x88));
        v_store(target + (12 + e) * CK_PANEL, _mm512_shuffle_f32x4(c, d, 0xdd));
    }
}

#include "transposition.h"

// A tile of 14 rows and 2 panels: 28 sums, 2 weights, an activation.
// Widening bf16 takes one more.
enum { TILE_ROWS = 14, BF16_TILE_ROWS = BF16_PAIRS ? 14 : 13, FLOAT_PANELS = 2, WIDE_ROWS = 14 };
#define TILE_CASES                                                                                                     \
    CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14)
#define BF16_TILE_CASES TILE_CASES
#define WIDE_CASES TILE_CASES

#if BF16_PAIRS
CK_INLINE vi v_pairs(const char *pairs) { return _mm512_loadu_si512(pairs); }

CK_INLINE vi v_pair(const char *x) {
    int32_t pair;
    memcpy(&pair, x, 4);
    return vi_set1(pair);
}

/// Denormal inputs and results count as zero; the two products are added one after the other, each sum rounded.
CK_INLINE vf v_dot_bf16(vf sums, vi x, vi weights) { return _mm512_dpbf16_ps(sums, (__m512bh)x, (__m512bh)weights); }
#else
CK_INLINE vf v_bf16_even(const void *pairs) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(pairs), 16));
}

CK_INLINE vf v_bf16_odd(const void *pairs) {
    return _mm512_castsi512_ps(vi_and(_mm512_loadu_si512(pairs), _mm512_set1_epi32((int32_t)0xffff0000)));
}
#endif

#include "float_products.h"

#include "attention.h"

#include "avx512_quantised.h"
