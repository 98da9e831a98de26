// AVX-512 F, BW, VL, DQ, VNNI and BF16.

#if defined(__x86_64__)

#include <immintrin.h>

#include "internal.h"

#if defined(__clang__)
#pragma clang attribute push(                                                                                          \
    __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16"))),                 \
    apply_to = function)
#define CK_UNROLL _Pragma("clang loop unroll(full)")
#define CK_UNROLL_TWICE _Pragma("clang loop unroll_count(2)")
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16")
#define CK_UNROLL _Pragma("GCC unroll 16")
#define CK_UNROLL_TWICE _Pragma("GCC unroll 2")
#endif

#define BF16_PAIRS 1
#include "avx512.h"

const ck_kernels ck_avx512bf16 = {
    "avx512bf16", CK_LIMIT_BYTE, decode_four_bit, add_low_rank, panel_bytes, pack_panel, pack_panel_nf4, row_bytes,
    prepare, rmsnorm_prepare, gated_prepare, rmsnorm, add, add_rmsnorm, gated, rope, attention, gemm,
};

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
