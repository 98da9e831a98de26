// What the check and the benchmark share: random numbers, aligned memory, packed matrices.
#ifndef SUPPORT_H
#define SUPPORT_H

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ckernels.h"

/// xorshift64* (Vigna 2014): the same numbers on every machine.
typedef struct random_source {
    uint64_t state;
} random_source;

static inline uint64_t random_bits(random_source *r) {
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return r->state * 0x2545F4914F6CDD1Dull;
}

/// In [-1, 1).
static inline float random_unit(random_source *r) { return (float)((double)(random_bits(r) >> 11) * 0x1p-52 - 1); }

/// Roughly normal with deviation 1.
static inline float random_normal(random_source *r) {
    return (random_unit(r) + random_unit(r) + random_unit(r)) * 1.0f;
}

static inline int32_t random_below(random_source *r, int32_t bound) {
    return (int32_t)(random_bits(r) % (uint64_t)bound);
}

/// Zeroed memory of exactly `bytes` bytes on 64 bytes, so that a sanitizer sees the first byte behind it.
static inline void *aligned(size_t bytes) {
    void *p = NULL;
    if (posix_memalign(&p, 64, bytes ? bytes : 1) != 0) abort();
    memset(p, 0, bytes);
    return p;
}

/// The calling thread's own processor time.
static inline double thread_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline const char *format_name(int32_t format) {
    static const char *const names[] = {"f32", "bf16", "int8", "nf4"};
    return names[format];
}

/// A weight matrix in a level's layout. NF4 takes codes and scales; the others take f32 rows.
static inline ck_status pack(
    const ck_kernels *t, int32_t format, int32_t n, int32_t k, int32_t group, const float *rows, const uint8_t *codes,
    const float *scales, ck_matrix *matrix) {
    const size_t bytes = t->panel_bytes(format, k, group);
    char *data = aligned(bytes * (size_t)ck_panels(n));
    *matrix = (ck_matrix){data, format, n, k, group};
    for (int32_t p = 0; p < ck_panels(n); p++) {
        const size_t first = (size_t)p * CK_PANEL * (size_t)k;
        ck_status status = format == CK_NF4
                               ? t->pack_panel_nf4(
                                     matrix, p, codes + first / 2, scales + first / CK_NF4_BLOCK,
                                     data + (size_t)p * bytes)
                               : t->pack_panel(matrix, p, rows + first, k, data + (size_t)p * bytes);
        if (status != CK_OK) return status;
    }
    return CK_OK;
}

int roofline(int argc, char **argv);

#endif
