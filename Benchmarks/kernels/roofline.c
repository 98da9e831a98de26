// How much of the processor the products use: each GEMM shape of Gemma 3 270M in each format, on one thread and on two,
// beside the peak of the instructions they are made of, measured by a loop without memory in the same run.
//
//   kernels roofline [SECONDS [FORMAT [LEVEL]]]    time for each entry, default 0.15; f32, bf16, int8 or nf4 only; one
//                                                  level only
//
// Times are of the threads' own processor clocks, the best of several rounds: other work on the machine takes cores and
// caches away, but its time does not count.
// A call gets the whole matrix on one thread and half of the panels on each of two. Weights are warm (one matrix,
// repeated) or cold (enough copies in turn that they come from memory, as in a forward pass of 18 layers).

#include <pthread.h>

#include "support.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// MARK: Peaks

/// Multiply-adds a second of a loop in registers, on one thread. 0: not known for this level.
typedef double (*peak)(void);

/// Seconds of a round at least. Short rounds and many of them: some fall between the other work's.
static const double LEAST_ROUND = 2e-4;

enum {
    LOOPS = 1000000,
    /// At least; as many as fit the time for an entry.
    ROUNDS = 7,
    /// A cold round goes over 192 MB of weights whatever the budget.
    COLD_ROUNDS = 3,
    /// Cold weights are not timed beyond these rows: their time is the products' by then.
    MOST_COLD_ROWS = 128,
};

#if defined(__x86_64__)

// Each loop body works on registers only; inline assembly keeps the compiler from folding or hoisting anything.
#define REPEAT_8(X) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define REPEAT_12(X) REPEAT_8(X) X(12) X(13) X(14) X(15)

static double fma_ymm(void) {
    const double start = thread_seconds();
    for (int i = 0; i < LOOPS; i++) {
#define X(N) "vfmadd231ps %%ymm0, %%ymm1, %%ymm" #N "\n"
        __asm__ volatile(REPEAT_12(X) ::: "ymm4", "ymm5", "ymm6", "ymm7", "ymm8", "ymm9", "ymm10", "ymm11", "ymm12",
                         "ymm13", "ymm14", "ymm15");
#undef X
    }
    return 12.0 * 8 * LOOPS / (thread_seconds() - start);
}

/// A chain of eight instructions in twelve sums, then its widening.
static double chain_ymm(void) {
    const double start = thread_seconds();
    for (int i = 0; i < LOOPS / 8; i++) {
#define FIRST(N) "vpmaddubsw %%ymm0, %%ymm1, %%ymm" #N "\n"
#define NEXT(N) "vpmaddubsw %%ymm0, %%ymm1, %%ymm2\nvpaddw %%ymm2, %%ymm" #N ", %%ymm" #N "\n"
#define WIDEN(N) "vpmaddwd %%ymm0, %%ymm" #N ", %%ymm2\nvpaddd %%ymm2, %%ymm3, %%ymm" #N "\n"
        __asm__ volatile(REPEAT_12(FIRST) REPEAT_12(NEXT) REPEAT_12(NEXT) REPEAT_12(NEXT) REPEAT_12(NEXT)
                             REPEAT_12(NEXT) REPEAT_12(NEXT) REPEAT_12(NEXT) REPEAT_12(WIDEN)::
                                 : "ymm2", "ymm4", "ymm5", "ymm6", "ymm7", "ymm8", "ymm9", "ymm10", "ymm11", "ymm12",
                                   "ymm13", "ymm14", "ymm15");
#undef FIRST
#undef NEXT
#undef WIDEN
    }
    return 12.0 * 32 * 8 * (LOOPS / 8) / (thread_seconds() - start);
}

static double fma_zmm(void) {
    const double start = thread_seconds();
    for (int i = 0; i < LOOPS; i++) {
#define X(N) "vfmadd231ps %%zmm0, %%zmm1, %%zmm" #N "\n"
        __asm__ volatile(REPEAT_12(X) ::: "memory");
#undef X
    }
    return 12.0 * 16 * LOOPS / (thread_seconds() - start);
}

static double vnni_zmm(void) {
    const double start = thread_seconds();
    for (int i = 0; i < LOOPS; i++) {
#define X(N) "vpdpbusd %%zmm0, %%zmm1, %%zmm" #N "\n"
        __asm__ volatile(REPEAT_12(X) ::: "memory");
#undef X
    }
    return 12.0 * 64 * LOOPS / (thread_seconds() - start);
}

static double bf16_zmm(void) {
    const double start = thread_seconds();
    for (int i = 0; i < LOOPS; i++) {
#define X(N) "vdpbf16ps %%zmm0, %%zmm1, %%zmm" #N "\n"
        __asm__ volatile(REPEAT_12(X) ::: "memory");
#undef X
    }
    return 12.0 * 32 * LOOPS / (thread_seconds() - start);
}

static peak peak_of(const ck_kernels *t, int32_t format) {
    const int avx512 = strncmp(t->name, "avx512", 6) == 0;
    if (strcmp(t->name, "avx2") == 0) return format <= CK_BF16 ? fma_ymm : chain_ymm;
    if (!avx512) return NULL;
    if (format == CK_F32) return fma_zmm;
    if (format == CK_BF16) return strcmp(t->name, "avx512bf16") == 0 ? bf16_zmm : fma_zmm;
    return vnni_zmm;
}

#else

static peak peak_of(const ck_kernels *t, int32_t format) {
    (void)t, (void)format;
    return NULL;
}

#endif

/// The best of a few runs: other work on the machine only ever slows a loop down.
static double best(peak p) {
    double rate = 0;
    for (int i = 0; i < 9; i++) rate = fmax(rate, p());
    return rate;
}

/// Bytes a second that one thread reads from memory.
static double read_bandwidth(void) {
    const size_t bytes = (size_t)256 << 20, words = bytes / 8;
    uint64_t *data = aligned(bytes), sink = 0;
    for (size_t i = 0; i < words; i += 512) data[i] = i;
    double rate = 0;
    for (int run = 0; run < 3; run++) {
        const double start = thread_seconds();
        uint64_t sums[4] = {0};
        for (size_t i = 0; i < words; i += 4)
            for (size_t j = 0; j < 4; j++) sums[j] += data[i + j];
        sink += sums[0] + sums[1] + sums[2] + sums[3];
        rate = fmax(rate, (double)bytes / (thread_seconds() - start));
    }
    free(data);
    return sink == 42 ? rate * (1 + 1e-12) : rate;
}

// MARK: Work

typedef struct work {
    const ck_kernels *table;
    const ck_matrix *matrices;
    int32_t copies, rows, first_panel, last_panel;
    const void *x;
    ptrdiff_t ldx;
    float *y;
    int32_t calls;
    pthread_barrier_t *barrier;
    double elapsed;
} work;

static void *run_work(void *argument) {
    work *w = argument;
    if (w->barrier) pthread_barrier_wait(w->barrier);
    const double start = thread_seconds();
    for (int32_t i = 0; i < w->calls; i++) {
        const ck_matrix *matrix = &w->matrices[i % w->copies];
        w->table->gemm(matrix, w->x, w->ldx, w->y, matrix->n, 0, w->rows, w->first_panel, w->last_panel, 0, NULL);
    }
    w->elapsed = thread_seconds() - start;
    return NULL;
}

/// Seconds of a call on `threads` threads, the best of a few rounds.
static double time_calls(work w, int threads, double budget) {
    w.calls = 1;
    w.barrier = NULL;
    run_work(&w);
    run_work(&w);
    w.calls = (int32_t)fmin(fmax(LEAST_ROUND / w.elapsed, 1), 1e6);
    w.calls = (w.calls + w.copies - 1) / w.copies * w.copies;
    double fastest = INFINITY, spent = 0;
    const int rounds = w.copies > 1 ? COLD_ROUNDS : ROUNDS;
    for (int round = 0; round < rounds || (spent < budget && w.copies == 1); round++) {
        work parts[2] = {w, w};
        double slowest = 0;
        if (threads == 1) {
            run_work(&parts[0]);
            slowest = parts[0].elapsed;
        } else {
            pthread_barrier_t barrier;
            pthread_t other;
            pthread_barrier_init(&barrier, NULL, 2);
            parts[0].barrier = parts[1].barrier = &barrier;
            parts[0].last_panel = parts[1].first_panel = w.last_panel / 2;
            if (pthread_create(&other, NULL, run_work, &parts[1]) != 0) abort();
            run_work(&parts[0]);
            pthread_join(other, NULL);
            pthread_barrier_destroy(&barrier);
            slowest = fmax(parts[0].elapsed, parts[1].elapsed);
        }
        fastest = fmin(fastest, slowest / w.calls);
        spent += slowest;
    }
    return fastest;
}

int roofline(int argc, char **argv) {
    static const struct {
        const char *name;
        int32_t n, k;
    } shapes[] = {{"qkv", 1536, 640}, {"o", 640, 1024}, {"gate+up", 4096, 640}, {"down", 640, 2048}};
    static const int32_t row_counts[] = {1, 4, 14, 32, 64, 128, 448};
    const double budget = argc > 1 ? atof(argv[1]) : 0.15;
    printf("Memory, one thread, reading: %.1f GB/s\n", read_bandwidth() * 1e-9);
    for (int level = CK_LEVEL_GENERIC + 1; level < CK_LEVEL_COUNT; level++) {
        if (!ck_level_available((ck_level)level)) continue;
        const ck_kernels *t = ck_select(ck_level_name((ck_level)level));
        if (argc > 3 && strcmp(argv[3], t->name) != 0) continue;
        for (int32_t format = CK_F32; format <= CK_NF4; format++) {
            if (argc > 2 && strcmp(argv[2], format_name(format)) != 0) continue;
            const peak loop = peak_of(t, format);
            double top = loop ? best(loop) : 0;
            printf("\n### %s %s: peak %.1f G multiply-adds a second on one thread\n\n", t->name, format_name(format),
                   top * 1e-9);
            printf("| shape | rows | warm, 1 thread: G/s | of peak | warm, 2 threads: G/s | of 2 peaks "
                   "| cold, 1 thread: G/s | weights GB/s | cold, 2 threads: G/s | weights GB/s |\n"
                   "|---|---|---|---|---|---|---|---|---|---|\n");
            for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
                const int32_t n = shapes[s].n, k = shapes[s].k, group = 128;
                random_source r = {5};
                float *w = aligned((size_t)n * (size_t)k * 4), *scales = aligned((size_t)n * (size_t)k / 64 * 4);
                uint8_t *codes = aligned((size_t)n * (size_t)k / 2);
                for (size_t i = 0; i < (size_t)n * (size_t)k; i++) w[i] = random_normal(&r);
                for (size_t i = 0; i < (size_t)n * (size_t)k / 64; i++) scales[i] = random_normal(&r);
                for (size_t i = 0; i < (size_t)n * (size_t)k / 2; i++) codes[i] = (uint8_t)random_bits(&r);
                const size_t bytes = t->panel_bytes(format, k, group) * (size_t)ck_panels(n);
                // More than any cache of one core's share: 192 MB of weights in turn.
                const int32_t copies = (int32_t)(((size_t)192 << 20) / bytes) + 1;
                ck_matrix *matrices = aligned((size_t)copies * sizeof *matrices);
                for (int32_t c = 0; c < copies; c++) {
                    if (c == 0) {
                        if (pack(t, format, n, k, group, w, codes, scales, &matrices[0]) != CK_OK) abort();
                        continue;
                    }
                    matrices[c] = matrices[0];
                    void *copy = aligned(bytes);
                    memcpy(copy, matrices[0].data, bytes);
                    matrices[c].data = copy;
                }
                for (size_t m = 0; m < sizeof row_counts / sizeof *row_counts; m++) {
                    const int32_t rows = row_counts[m];
                    const ptrdiff_t ldx = (ptrdiff_t)t->row_bytes(format, k, group);
                    float *x = aligned((size_t)rows * (size_t)k * 4), *y = aligned((size_t)rows * (size_t)n * 4);
                    for (size_t i = 0; i < (size_t)rows * (size_t)k; i++) x[i] = random_normal(&r);
                    void *prepared = aligned((size_t)(ldx * rows));
                    t->prepare(format, k, group, x, k, prepared, ldx, rows);
                    const double products = (double)n * k * rows;
                    work w = {t, matrices, 1, rows, 0, ck_panels(n), prepared, ldx, y, 0, NULL, 0};
                    printf("| %s [%d, %d] | %d ", shapes[s].name, n, k, rows);
                    for (int cold = 0; cold < 2; cold++) {
                        if (cold && rows > MOST_COLD_ROWS) {
                            printf("| | | | ");
                            continue;
                        }
                        w.copies = cold ? copies : 1;
                        for (int threads = 1; threads <= 2; threads++) {
                            const double time = time_calls(w, threads, budget);
                            if (cold) printf("| %.1f | %.1f ", products / time * 1e-9, (double)bytes / time * 1e-9);
                            else if (top > 0)
                                printf("| %.1f | %.0f %% ", products / time * 1e-9,
                                       100 * products / time / top / threads);
                            else printf("| %.1f | ", products / time * 1e-9);
                            fflush(stdout);
                        }
                    }
                    printf("|\n");
                    free(x), free(y), free(prepared);
                }
                for (int32_t c = 0; c < copies; c++) free((void *)matrices[c].data);
                free(matrices), free(w), free(scales), free(codes);
            }
        }
    }
    return 0;
}
