// What the kernels' source files share: sizes, the NF4 code book, quantisation of one value, the levels' tables.
#ifndef CK_INTERNAL_H
#define CK_INTERNAL_H

#include <math.h>
#include <string.h>

#include "ckernels.h"

#define CK_INLINE static inline __attribute__((always_inline))
#define CK_UNUSED __attribute__((unused))

/// Activations are held in -8191...8191 where products multiply 16-bit integers: 64 products with NF4 values of
/// magnitude 4095, or 1024 with int8 weights, stay below 2^31.
enum { CK_LIMIT_WORD = 8191, CK_LIMIT_BYTE = 127 };
enum { CK_NF4_WORD = 4095, CK_NF4_BYTE = 127 };
_Static_assert(64LL * CK_LIMIT_WORD * CK_NF4_WORD < 1LL << 31, "an NF4 block's sum fits 32 bits");
_Static_assert((long long)CK_MAX_GROUP * CK_LIMIT_WORD * 127 < 1LL << 31, "a group's sum fits 32 bits");

/// Groups and weight rows below this are held as zeros: the reciprocal of their scale would overflow.
#define CK_TINY 0x1p-100f

/// The NF4 code book of bitsandbytes (`bitsandbytes.functional.get_4bit_type("nf4")`).
static const float CK_UNUSED ck_nf4_codes[16] = {
    -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f,
    -0.18477343022823334f, -0.09105003625154495f, 0.0f, 0.07958029955625534f, 0.16093020141124725f,
    0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f};

/// code * 4095, rounded: off by at most 0.00013 of the block's scale.
static const int16_t CK_UNUSED ck_nf4_words[16] = {
    -4095, -2851, -2150, -1617, -1165, -757, -373, 0, 326, 659, 1008, 1384, 1805, 2304, 2961, 4095};

/// code * 127, rounded: off by at most 0.0038 of the block's scale.
static const int8_t CK_UNUSED ck_nf4_bytes[16] = {
    -127, -88, -67, -50, -36, -23, -12, 0, 10, 20, 31, 43, 56, 71, 92, 127};

CK_INLINE size_t ck_round_up(size_t value, size_t step) { return (value + step - 1) / step * step; }
CK_INLINE int32_t ck_min(int32_t a, int32_t b) { return a < b ? a : b; }
CK_INLINE int32_t ck_max(int32_t a, int32_t b) { return a > b ? a : b; }

/// Asks for the weights that are multiplied this many bytes later. Streams of weights cross pages, where the
/// processor's own prefetching stops; with this, weights from memory are multiplied as fast as cached ones from 14 rows
/// on (measured on Zen 3, any distance from 2 to 4 KiB).
CK_INLINE void ck_prefetch(const void *weights) { __builtin_prefetch((const char *)weights + 2048, 0, 3); }

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

extern const ck_kernels ck_generic, ck_generic_byte;
#if defined(__x86_64__)
extern const ck_kernels ck_avx2, ck_avx512vnni, ck_avx512bf16;
#elif defined(__aarch64__)
extern const ck_kernels ck_neon;
#endif

#endif
