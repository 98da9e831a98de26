// What the kernels' source files share: sizes, the NF4 code book, quantisation of one value, the levels' tables.
#ifndef CK_INTERNAL_H
#define CK_INTERNAL_H

#include <math.h>
#include <string.h>

#include "ckernels.h"

#define CK_INLINE static inline __attribute__((always_inline))
#define CK_UNUSED __attribute__((unused))

/// Hides where an address comes from. Compilers otherwise keep one for each row of a tile, more than there are
/// registers, and load them back from the stack for every multiply-add.
#define CK_OPAQUE(address) __asm__("" : "+r"(address))

/// Activations are held in -8191...8191 where products multiply 16-bit integers: 64 products with NF4 values of
/// magnitude 4095, or 1024 with int8 weights, stay below 2^31.
enum { CK_LIMIT_WORD = 8191, CK_LIMIT_BYTE = 127 };
enum { CK_NF4_WORD = 4095, CK_NF4_BYTE = 127 };
_Static_assert(64LL * CK_LIMIT_WORD * CK_NF4_WORD < 1LL << 31, "an NF4 block's sum fits 32 bits");
_Static_assert((long long)CK_MAX_GROUP * CK_LIMIT_WORD * 127 < 1LL << 31, "a group's sum fits 32 bits");

// Chained products: what AVX2 makes of vpmaddubsw, which multiplies unsigned by signed bytes and adds pairs in 16 bits.
// Activations in -z...z are held plus z, so in 0...2z, and the 16-bit sums of CK_CHAIN_STEPS such instructions are added
// before they are widened. No sum can leave 16 bits, whatever the activations: weights are quantised so coarsely that
// along each chain the positive ones add up to CK_CHAIN_REACH at most, and so do the negative ones.

enum {
    /// Largest magnitude z of an activation. Smaller: coarser activations and finer weights.
    CK_LIMIT_CHAIN = 80,
    /// Instructions, of four inputs each, whose sums are added in 16 bits. More: faster, and coarser weights.
    CK_CHAIN_STEPS = 8,
    /// Inputs that a chain covers: those with i % 4 < 2 in one lane, the others in a second.
    CK_CHAIN_INPUTS = 4 * CK_CHAIN_STEPS,
    CK_CHAIN_REACH = 32767 / (2 * CK_LIMIT_CHAIN),
};

_Static_assert(CK_CHAIN_INPUTS / 2 * 8 <= CK_CHAIN_REACH, "NF4 keeps 8 steps at least");

CK_INLINE size_t ck_round_up(size_t value, size_t step) { return (value + step - 1) / step * step; }
CK_INLINE int32_t ck_min(int32_t a, int32_t b) { return a < b ? a : b; }
CK_INLINE int32_t ck_max(int32_t a, int32_t b) { return a > b ? a : b; }

/// The largest sum of the positive or of the negative values of a lane of one chain.
CK_INLINE int32_t ck_chain_sum(const int32_t values[CK_CHAIN_INPUTS]) {
    int32_t positive[4] = {0}, negative[4] = {0};
    for (int32_t step = 0; step < CK_CHAIN_STEPS; step++) {
        for (int32_t lane = 0; lane < 4; lane++) {
            int32_t value = values[4 * step + lane];
            positive[lane] += value > 0 ? value : 0;
            negative[lane] -= value < 0 ? value : 0;
        }
    }
    int32_t first = ck_max(positive[0] + positive[1], negative[0] + negative[1]);
    int32_t second = ck_max(positive[2] + positive[3], negative[2] + negative[3]);
    return ck_max(first, second);
}

/// Groups and weight rows below this are held as zeros: the reciprocal of their scale would overflow.
#define CK_TINY 0x1p-100f

/// The NF4 code book of bitsandbytes (`bitsandbytes.functional.get_4bit_type("nf4")`).
static const float CK_UNUSED ck_nf4_codes[16] = {
    -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f,
    -0.18477343022823334f, -0.09105003625154495f, 0.0f, 0.07958029955625534f, 0.16093020141124725f,
    0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f};

/// code * 127, rounded: off by at most 0.0038 of the block's scale.
static const int8_t CK_UNUSED ck_nf4_bytes[16] = {
    -127, -88, -67, -50, -36, -23, -12, 0, 10, 20, 31, 43, 56, 71, 92, 127};

/// Asks for the weights that are multiplied this many bytes later. Streams of weights cross pages, where the
/// processor's own prefetching stops; with this, weights from memory are multiplied as fast as cached ones from 14 rows
/// on (measured on Zen 3, any distance from 2 to 4 KiB).
CK_INLINE void ck_prefetch(const void *weights) { __builtin_prefetch((const char *)weights + 2048, 0, 3); }

/// Asks for weights at an address, which may lie outside of any memory.
CK_INLINE void ck_fetch(const void *weights) { __builtin_prefetch(weights, 0, 3); }

/// Groups of a row.
CK_INLINE int32_t ck_groups(int32_t k, int32_t group) { return (k + group - 1) / group; }

CK_INLINE uint32_t ck_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

CK_INLINE float ck_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

/// The bits of |value|; NaN and infinity compare above every number.
CK_INLINE uint32_t ck_magnitude(float value) { return ck_bits(value) & 0x7fffffff; }

enum { CK_INFINITY_BITS = 0x7f800000 };

/// The nearest bf16, ties to even; NaN stays NaN.
CK_INLINE uint16_t ck_to_bf16(float value) {
    uint32_t bits = ck_bits(value);
    uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    return (uint16_t)((bits & 0x7fffffff) > CK_INFINITY_BITS ? bits >> 16 | 0x40 : rounded);
}

CK_INLINE float ck_from_bf16(uint16_t value) { return ck_float((uint32_t)value << 16); }

/// The nearest f16 as a float, ties to even; infinite beyond 65504; NaN stays NaN.
CK_INLINE float ck_round_f16(float value) {
    const uint32_t bits = ck_bits(value), magnitude = bits & 0x7fffffff;
    const uint32_t normal = (magnitude + 0xfff + (magnitude >> 13 & 1)) & ~0x1fffu;
    // Below 2^-14 the last place is 2^-24, which is also that of numbers from 0.5 up to 1.
    const uint32_t subnormal = ck_bits(ck_float(magnitude) + 0.5f - 0.5f);
    const uint32_t finite = magnitude < 0x38800000 ? subnormal : normal;
    const uint32_t limited = finite >= 0x47800000 ? CK_INFINITY_BITS : finite;
    return ck_float((bits & 0x80000000) | (magnitude > CK_INFINITY_BITS ? magnitude | 0x400000 : limited));
}

/// A code book times a block's scale, rounded. Without branches on the values: compilers make vectors of it.
CK_INLINE void ck_round_scaled(const float codebook[16], float scale, int32_t rounding, float values[16]) {
    switch (rounding) {
    case CK_ROUND_BF16:
        for (int i = 0; i < 16; i++) values[i] = ck_from_bf16(ck_to_bf16(codebook[i] * scale));
        break;
    case CK_ROUND_F16:
        for (int i = 0; i < 16; i++) values[i] = ck_round_f16(codebook[i] * scale);
        break;
    default:
        for (int i = 0; i < 16; i++) values[i] = codebook[i] * scale;
    }
}

/// A scale and its reciprocal for values whose largest magnitude has the bits `largest`.
/// Not finite: the scale is NaN and everything quantises to 0.
CK_INLINE void ck_scale(uint32_t largest, int32_t limit, float *scale, float *inverse) {
    float magnitude = ck_float(largest);
    int zero = largest >= CK_INFINITY_BITS || magnitude < CK_TINY;
    *scale = largest >= CK_INFINITY_BITS ? NAN : zero ? 0 : magnitude / (float)limit;
    *inverse = zero ? 0 : (float)limit / magnitude;
}

/// value * inverse to the nearest integer, ties to even; 0 when `inverse` is 0.
CK_INLINE int32_t ck_quantise(float value, float inverse) {
    return inverse == 0 ? 0 : (int32_t)__builtin_rintf(value * inverse);
}

/// The largest chain sum of k weights quantised with `inverse`.
CK_INLINE int32_t ck_row_chain_sum(const float *row, int32_t k, float inverse) {
    int32_t largest = 0;
    for (int32_t start = 0; start < k; start += CK_CHAIN_INPUTS) {
        int32_t values[CK_CHAIN_INPUTS] = {0};
        if (k - start >= CK_CHAIN_INPUTS) {
            for (int32_t i = 0; i < CK_CHAIN_INPUTS; i++) values[i] = ck_quantise(row[start + i], inverse);
        } else {
            for (int32_t i = 0; i < k - start; i++) values[i] = ck_quantise(row[start + i], inverse);
        }
        largest = ck_max(largest, ck_chain_sum(values));
    }
    return largest;
}

/// Makes a weight row's scale as coarse as chains demand; `scale` and `inverse` are those of `ck_scale`.
CK_INLINE void ck_chain_scale(const float *row, int32_t k, float *scale, float *inverse) {
    const float finest = *scale, fastest = *inverse;
    float factor = 1;
    for (int32_t sum; (sum = ck_row_chain_sum(row, k, *inverse)) > CK_CHAIN_REACH;) {
        // Once near, in steps of a fraction of an integer: rounding decides.
        factor *= fmaxf((float)sum / CK_CHAIN_REACH, 1 + 0x1p-8f);
        *scale = finest * factor;
        *inverse = fastest / factor;
    }
}

/// How many steps 1 of the NF4 code book is in one block of a panel: about as many as let its chains fit.
CK_INLINE int32_t ck_chain_multiplier(uint8_t codes[CK_PANEL][CK_NF4_BLOCK]) {
    // With `CK_NF4_WORD` steps first, for where to start.
    int32_t multiplier = CK_NF4_WORD, largest = 0;
    for (;;) {
        int32_t table[16];
        for (int32_t code = 0; code < 16; code++) table[code] = ck_quantise(ck_nf4_codes[code], (float)multiplier);
        largest = 0;
        for (int32_t output = 0; output < CK_PANEL; output++) {
            for (int32_t start = 0; start < CK_NF4_BLOCK; start += CK_CHAIN_INPUTS) {
                int32_t values[CK_CHAIN_INPUTS];
                for (int32_t i = 0; i < CK_CHAIN_INPUTS; i++) values[i] = table[codes[output][start + i]];
                largest = ck_max(largest, ck_chain_sum(values));
            }
        }
        if (multiplier <= CK_NF4_BYTE && largest <= CK_CHAIN_REACH) return multiplier;
        multiplier = multiplier > CK_NF4_BYTE
                         ? ck_min(CK_NF4_BYTE, (CK_CHAIN_REACH + 1) * CK_NF4_WORD / ck_max(largest, 1))
                         : multiplier - 1;
    }
}

extern const ck_kernels ck_generic, ck_generic_byte, ck_generic_chain;
#if defined(__x86_64__)
extern const ck_kernels ck_avx2, ck_avx512vnni, ck_avx512bf16;
#elif defined(__aarch64__)
extern const ck_kernels ck_neon;
#endif

#endif
