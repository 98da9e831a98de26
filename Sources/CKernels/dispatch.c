// Which level runs: what the processor has, what the operating system saves, what this build holds.
// Compiled without architecture flags, so that the probe itself runs anywhere.

#include "internal.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

int32_t ck_panels(int32_t n) { return n / CK_PANEL + (n % CK_PANEL != 0); }

int32_t ck_supported(int32_t format, int32_t n, int32_t k, int32_t group) {
    if (n < 1 || k < 1 || n > CK_MAX_SIDE || k > CK_MAX_SIDE) return 0;
    switch (format) {
    case CK_F32:
    case CK_BF16: return 1;
    case CK_INT8: return group >= 1 && group <= CK_MAX_GROUP && (group % 32 == 0 || group >= k);
    case CK_NF4:
        return group >= CK_NF4_BLOCK && group <= CK_MAX_GROUP && group % CK_NF4_BLOCK == 0 && k % CK_NF4_BLOCK == 0;
    default: return 0;
    }
}

#if defined(__x86_64__)

/// The register state that the operating system saves (XCR0).
static uint64_t saved_state(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static int has(uint32_t registers, uint32_t mask) { return (registers & mask) == mask; }

/// Bits as in Intel's manual, volume 2A, CPUID.
static int runs(ck_level level) {
    uint32_t a, b, c, d;
    const uint32_t fma = 1 << 12, osxsave = 1 << 27, avx = 1 << 28, f16c = 1 << 29;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !has(c, fma | osxsave | avx | f16c)) return 0;
    const uint64_t state = saved_state(), ymm = 0x6, zmm = 0xe6;
    uint32_t leaves, b7, c7, d7;
    const uint32_t avx2 = 1 << 5;
    if ((state & ymm) != ymm || !__get_cpuid_count(7, 0, &leaves, &b7, &c7, &d7) || !has(b7, avx2)) return 0;
    if (level == CK_LEVEL_AVX2) return 1;
    const uint32_t f = 1 << 16, dq = 1 << 17, bw = 1 << 30, vl = 1u << 31, vnni = 1 << 11;
    if ((state & zmm) != zmm || !has(b7, f | dq | bw | vl) || !has(c7, vnni)) return 0;
    if (level == CK_LEVEL_AVX512VNNI) return 1;
    const uint32_t bf16 = 1 << 5;
    return leaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && has(a, bf16);
}

#elif defined(__aarch64__)

static int runs(ck_level level) {
#if defined(__linux__)
    const unsigned long dot_products = 1ul << 20;  // HWCAP_ASIMDDP
    return level == CK_LEVEL_NEON && (getauxval(AT_HWCAP) & dot_products) != 0;
#elif defined(__APPLE__)
    return level == CK_LEVEL_NEON;  // Every Apple processor that runs macOS has them.
#else
    (void)level;
    return 0;
#endif
}

#else

static int runs(ck_level level) {
    (void)level;
    return 0;
}

#endif

/// A level's kernels; NULL if this build does not hold them.
static const ck_kernels *table(ck_level level) {
    switch (level) {
    case CK_LEVEL_GENERIC: return &ck_generic;
#if defined(__x86_64__)
    case CK_LEVEL_AVX2: return &ck_avx2;
    case CK_LEVEL_AVX512VNNI: return &ck_avx512vnni;
    case CK_LEVEL_AVX512BF16: return &ck_avx512bf16;
#elif defined(__aarch64__)
    case CK_LEVEL_NEON: return &ck_neon;
#endif
    default: return NULL;
    }
}

const char *ck_level_name(ck_level level) {
    switch (level) {
    case CK_LEVEL_GENERIC: return "generic";
    case CK_LEVEL_AVX2: return "avx2";
    case CK_LEVEL_AVX512VNNI: return "avx512vnni";
    case CK_LEVEL_AVX512BF16: return "avx512bf16";
    case CK_LEVEL_NEON: return "neon";
    default: return NULL;
    }
}

int32_t ck_level_available(ck_level level) {
    return table(level) != NULL && (level == CK_LEVEL_GENERIC || runs(level));
}

const ck_kernels *ck_select(const char *name) {
    const ck_kernels *const twins[] = {&ck_generic_byte, &ck_generic_chain};
    for (int i = 0; name != NULL && i < 2; i++) {
        if (strcmp(name, twins[i]->name) == 0) return twins[i];
    }
    for (int level = CK_LEVEL_COUNT - 1; level >= 0; level--) {
        if (name != NULL && strcmp(name, ck_level_name((ck_level)level)) != 0) continue;
        if (ck_level_available((ck_level)level)) return table((ck_level)level);
    }
    return NULL;
}

const ck_kernels *ck_twin(const ck_kernels *kernels) {
    switch (kernels->activation_limit) {
    case CK_LIMIT_BYTE: return &ck_generic_byte;
    case CK_LIMIT_CHAIN: return &ck_generic_chain;
    default: return &ck_generic;
    }
}
