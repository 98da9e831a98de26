// Holds every level that this processor can run against its plain twin, and the twins against double arithmetic.
//
//   kernels check [LEVEL]   exit status 1 and a line for each failure (the first twenty) if a bound does not hold;
//                           all levels that run here, or one
//   kernels roofline        the benchmark, see roofline.c
//
// Build with build.sh; no library but libm and pthreads.

#include <float.h>

#include "support.h"

static long checks, failures;

__attribute__((format(printf, 2, 3))) static void expect(int ok, const char *format, ...) {
    checks++;
    if (ok) return;
    if (failures++ >= 20) return;
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

static int same(float a, float b) { return memcmp(&a, &b, 4) == 0 || (isnan(a) && isnan(b)); }

// MARK: Inputs

typedef enum kind { NORMAL, OUTLIERS, FLAT, DENORMAL, HUGE_VALUES, TINY, ZERO, INFINITE, KINDS } kind;
static const char *const kind_names[] = {"normal", "outliers", "flat", "denormal", "huge", "tiny", "zero", "infinite"};

static void fill(random_source *r, kind kind, float *x, size_t count) {
    int32_t left = 0;
    float level = 0;
    for (size_t i = 0; i < count; i++) {
        float value = random_normal(r);
        switch (kind) {
        case OUTLIERS: x[i] = random_below(r, 50) == 0 ? value * 100 : value; break;
        // Long runs at the largest magnitude and of one sign: the largest sums of integers that there are.
        case FLAT:
            if (left-- == 0) left = random_below(r, 200), level = random_below(r, 2) ? 1.0f : -1.0f;
            x[i] = level;
            break;
        case DENORMAL: x[i] = value * 1e-40f; break;
        case HUGE_VALUES: x[i] = value * 1e30f; break;
        case TINY: x[i] = value * 1e-28f; break;
        case ZERO: x[i] = 0; break;
        case INFINITE: x[i] = i % 37 == 5 ? INFINITY : i % 41 == 7 ? NAN : value; break;
        default: x[i] = value;
        }
    }
}

// MARK: Products

typedef struct shape {
    int32_t n, k, group;
} shape;

static const float nf4_codes[16] = {
    -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f,
    -0.18477343022823334f, -0.09105003625154495f, 0.0f, 0.07958029955625534f, 0.16093020141124725f,
    0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f};

/// The largest sum of weights of one sign that one 16-bit lane of a chain of `ck_kernels.pack_panel` adds.
static double chain_sum(const double *w, int32_t k) {
    double largest = 0;
    for (int32_t start = 0; start < k; start += 32) {
        double sums[2][2] = {{0}};
        for (int32_t e = start; e < k && e < start + 32; e++) sums[e % 4 / 2][w[e] < 0] += fabs(w[e]);
        for (int32_t i = 0; i < 4; i++) largest = fmax(largest, sums[i / 2][i % 2]);
    }
    return largest;
}

/// Half a step of an output's int8 weights at most. In chains, 16 weights round, each by half a step at most; the last
/// scale that was too fine is left by one 256th.
static double int8_error(const double *w, int32_t k, int32_t limit) {
    double widest = 0;
    for (int32_t e = 0; e < k; e++) widest = fmax(widest, fabs(w[e]));
    const int chained = limit != 127 && limit != 8191;
    const double reach = 32767 / (2 * limit) - 8;
    return 0.5001 * fmax(widest / 127, chained ? chain_sum(w, k) / reach * (1 + 0x1p-8) : 0) + 1e-30;
}

/// Half a step of a block's NF4 values at most, as a share of its scales.
static double nf4_error(const uint8_t *codes, int32_t n, int32_t k, int32_t panel, int32_t block, int32_t limit) {
    if (limit == 8191 || limit == 127) return limit == 127 ? 0.0038 : 0.00013;
    double largest = 0;
    for (int32_t o = 16 * panel; o < n && o < 16 * panel + 16; o++) {
        double values[64];
        for (int32_t e = 0; e < 64; e++) {
            const size_t i = (size_t)o * k + (size_t)(block * 64 + e);
            values[e] = nf4_codes[i % 2 ? codes[i / 2] & 15 : codes[i / 2] >> 4];
        }
        largest = fmax(largest, chain_sum(values, 64));
    }
    return 0.5001 / fmin(127, (32767 / (2 * limit) - 8) / largest - 1);
}

/// The twin's result against sums in double over the weights as they were given.
static void check_against_double(
    const char *name, int32_t format, const shape *s, int32_t limit, int32_t rows, const float *x, const float *w,
    const uint8_t *codes, const float *block_scales, const float *y) {
    double *given = aligned((size_t)s->k * sizeof *given), *errors = aligned((size_t)s->k * sizeof *errors);
    for (int32_t o = 0; o < s->n; o++) {
        for (int32_t e = 0; e < s->k; e++) given[e] = w[(size_t)o * s->k + e];
        for (int32_t e = 0; e < s->k; e++) {
            if (format == CK_BF16) errors[e] = fabs(given[e]) * 0x1p-8;
            if (format == CK_INT8) errors[e] = e == 0 ? int8_error(given, s->k, limit) : errors[0];
            if (format == CK_NF4)
                errors[e] = e % 64 ? errors[e - 1]
                                   : fabs(block_scales[((size_t)o * s->k + e) / 64])
                                         * nf4_error(codes, s->n, s->k, o / 16, e / 64, limit);
        }
        for (int32_t i = 0; i < rows; i++) {
            double sum = 0, bound = 0;
            for (int32_t e = 0; e < s->k; e++) {
                const double a = x[(size_t)i * s->k + e], b = w[(size_t)o * s->k + e];
                double a_error = 0, b_error = errors[e];
                if (format == CK_BF16) a_error = fabs(a) * 0x1p-8;
                if (format == CK_INT8 || format == CK_NF4) {
                    const int32_t start = e / s->group * s->group;
                    double largest = 0;
                    for (int32_t j = start; j < s->k && j < start + s->group; j++)
                        largest = fmax(largest, fabs(x[(size_t)i * s->k + j]));
                    a_error = 0.5001 * largest / limit + 1e-30;
                }
                sum += a * b;
                bound += a_error * fabs(b) + b_error * fabs(a) + a_error * b_error;
                bound += fabs(a * b) * (s->k + 4) * 0x1p-24 + 1e-44;
            }
            const float got = y[(size_t)i * s->n + o];
            if (fabs(sum) > 1e38 || bound > 1e38) continue;
            expect(
                fabs(got - sum) <= bound, "%s %s [%d, %d] row %d output %d: %g, in double %g, bound %g", name,
                format_name(format), s->n, s->k, i, o, got, sum, bound);
        }
    }
    free(given), free(errors);
}

/// A product with an update against the two products one after the other, over some rows and panels.
static void check_update(
    const ck_kernels *t, const ck_matrix *matrix, const char *x, ptrdiff_t ldx, int32_t rows, kind kind,
    random_source *r) {
    const int32_t ranks[] = {1, 3, 16, 17, 32, 48}, rank = ranks[random_below(r, 6)], n = matrix->n;
    float *w = aligned((size_t)n * (size_t)rank * 4), *low = aligned((size_t)rows * (size_t)rank * 4);
    fill(r, kind == INFINITE ? NORMAL : kind, w, (size_t)n * (size_t)rank);
    fill(r, kind, low, (size_t)rows * (size_t)rank);
    ck_update update;
    expect(pack(t, CK_INT8, n, rank, rank, w, NULL, NULL, &update.matrix) == CK_OK, "%s cannot pack", t->name);
    update.ldx = (ptrdiff_t)t->row_bytes(CK_INT8, rank, rank);
    char *prepared = aligned((size_t)(update.ldx * rows));
    memset(prepared, 0x5a, (size_t)(update.ldx * rows));
    t->prepare(CK_INT8, rank, rank, low, rank, prepared, update.ldx, rows);
    update.x = prepared;
    const int32_t panels = ck_panels(n), row = random_below(r, rows), last = row + 1 + random_below(r, rows - row);
    const int32_t panel = random_below(r, panels), end = panel + 1 + random_below(r, panels - panel);
    float *once = aligned((size_t)rows * (size_t)n * 4), *twice = aligned((size_t)rows * (size_t)n * 4);
    for (int32_t flags = 0; flags <= CK_GEMM_ADD; flags++) {
        for (int32_t i = 0; i < rows * n; i++) once[i] = twice[i] = 3;
        t->gemm(matrix, x, ldx, once, n, row, last, panel, end, flags, &update);
        t->gemm(matrix, x, ldx, twice, n, row, last, panel, end, flags, NULL);
        t->gemm(&update.matrix, prepared, update.ldx, twice, n, row, last, panel, end, CK_GEMM_ADD, NULL);
        for (int32_t i = 0; i < rows * n; i++)
            expect(
                same(once[i], twice[i]), "%s %s [%d, %d] %s, rank %d, rows %d-%d panels %d-%d: %.9g, in turn %.9g",
                t->name, format_name(matrix->format), n, matrix->k, kind_names[kind], rank, row, last, panel, end,
                once[i], twice[i]);
    }
    free(w), free(low), free(prepared), free(once), free(twice), free((void *)update.matrix.data);
}

/// A level's products against its twin's, and against themselves in other cuts.
static void check_products(const ck_kernels *t, int32_t format, shape s, kind kind, int32_t rows, random_source *r) {
    const ck_kernels *twin = ck_twin(t);
    const size_t weights = (size_t)s.n * (size_t)s.k;
    float *w = aligned(weights * 4), *x = aligned((size_t)rows * (size_t)s.k * 4);
    float *block_scales = aligned((weights / 64 + 1) * 4);
    uint8_t *codes = aligned(weights / 2 + 1);
    // Weights are finite; activations need not be.
    fill(r, kind == INFINITE ? NORMAL : kind, w, weights);
    if (kind == NORMAL) fill(r, ZERO, w + weights / 3 / (size_t)s.k * (size_t)s.k, (size_t)s.k);
    fill(r, kind, x, (size_t)rows * (size_t)s.k);
    if (kind == NORMAL) fill(r, ZERO, x, (size_t)s.k);
    if (format == CK_NF4) {
        for (size_t i = 0; i < weights / 2; i++)
            codes[i] = kind != FLAT ? (uint8_t)random_bits(r) : w[2 * i] > 0 ? 0xff : 0;
        for (size_t i = 0; i < weights / 64; i++) block_scales[i] = w[i];
        for (size_t i = 0; i < weights; i++)
            w[i] = nf4_codes[i % 2 ? codes[i / 2] & 15 : codes[i / 2] >> 4] * block_scales[i / 64];
    }
    ck_matrix own, plain;
    expect(pack(t, format, s.n, s.k, s.group, w, codes, block_scales, &own) == CK_OK, "%s cannot pack", t->name);
    expect(pack(twin, format, s.n, s.k, s.group, w, codes, block_scales, &plain) == CK_OK, "the twin cannot pack");

    const ptrdiff_t ldx = (ptrdiff_t)t->row_bytes(format, s.k, s.group);
    const ptrdiff_t ldplain = (ptrdiff_t)twin->row_bytes(format, s.k, s.group);
    char *prepared = aligned((size_t)(ldx * rows)), *plain_rows = aligned((size_t)(ldplain * rows));
    memset(prepared, 0x5a, (size_t)(ldx * rows));
    t->prepare(format, s.k, s.group, x, s.k, prepared, ldx, rows);
    twin->prepare(format, s.k, s.group, x, s.k, plain_rows, ldplain, rows);

    const int32_t panels = ck_panels(s.n);
    float *y = aligned((size_t)rows * (size_t)s.n * 4), *expected = aligned((size_t)rows * (size_t)s.n * 4);
    t->gemm(&own, prepared, ldx, y, s.n, 0, rows, 0, panels, 0, NULL);
    twin->gemm(&plain, plain_rows, ldplain, expected, s.n, 0, rows, 0, panels, 0, NULL);
    // vdpbf16ps rounds and flushes in its own way; everything else has the twin's order, so the twin's bits.
    const int own_order = format == CK_BF16 && strcmp(t->name, "avx512bf16") == 0;
    for (int32_t i = 0; i < rows * s.n; i++) {
        if (!own_order) {
            expect(
                same(y[i], expected[i]), "%s %s [%d, %d] group %d, %s, %d rows, row %d output %d: %.9g, twin %.9g",
                t->name, format_name(format), s.n, s.k, s.group, kind_names[kind], rows, i / s.n, i % s.n,
                y[i], expected[i]);
            continue;
        }
        double magnitude = 1e-36;
        for (int32_t e = 0; e < s.k; e++)
            magnitude += fabs((double)x[(size_t)(i / s.n) * s.k + e] * w[(size_t)(i % s.n) * s.k + e]) * 1.02;
        const double bound = magnitude * (s.k + 4) * 0x1p-23, difference = fabs((double)y[i] - expected[i]);
        // Where sums on the way may overflow, the order decides whether they do, and what comes of it.
        expect(
            difference <= bound || same(y[i], expected[i]) || !(magnitude <= FLT_MAX),
            "%s bf16 [%d, %d] %s: %.9g, twin %.9g, bound %g", t->name, s.n, s.k, kind_names[kind], y[i], expected[i],
            bound);
    }
    if (kind != INFINITE && (size_t)rows * weights < 2000000)
        check_against_double("twin", format, &s, twin->activation_limit, rows, x, w, codes, block_scales, expected);

    // Any cut of rows and panels gives the same bits, adds where asked to, and writes nothing else.
    float *cut = aligned((size_t)rows * (size_t)s.n * 4);
    for (int32_t attempt = 0; attempt < 4; attempt++) {
        const int32_t row = attempt == 0 ? rows - 1 : random_below(r, rows);
        const int32_t last = attempt == 0 ? rows : row + 1 + random_below(r, rows - row);
        const int32_t panel = random_below(r, panels), end = panel + 1 + random_below(r, panels - panel);
        const int add = attempt == 3;
        for (int32_t i = 0; i < rows * s.n; i++) cut[i] = 3;
        t->gemm(&own, prepared, ldx, cut, s.n, row, last, panel, end, add ? CK_GEMM_ADD : 0, NULL);
        for (int32_t i = 0; i < rows * s.n; i++) {
            const int32_t in_row = i / s.n, out = i % s.n;
            const int inside = in_row >= row && in_row < last && out / CK_PANEL >= panel && out / CK_PANEL < end;
            const float want = !inside ? 3 : add ? 3 + y[i] : y[i];
            expect(
                same(cut[i], want), "%s %s [%d, %d] rows %d-%d of %d panels %d-%d: row %d output %d: %.9g, whole %.9g",
                t->name, format_name(format), s.n, s.k, row, last, rows, panel, end, in_row, out, cut[i], want);
        }
    }
    check_update(t, &own, prepared, ldx, rows, kind, r);
    free(w), free(x), free(block_scales), free(codes), free(prepared), free(plain_rows), free(y), free(expected);
    free(cut), free((void *)own.data), free((void *)plain.data);
}

static void check_all_products(const ck_kernels *t) {
    random_source r = {1};
    const shape ragged[] = {{1, 1, 1}, {3, 2, 2}, {5, 7, 7}, {16, 16, 16}, {17, 31, 31}, {31, 33, 32}, {33, 100, 32},
                            {48, 129, 128}, {20, 130, 32}, {64, 257, 64}, {77, 640, 128}, {16, 1000, 128},
                            {40, 300, 96}, {24, 1100, 1024}};
    const shape blocks[] = {{1, 64, 64}, {16, 64, 128}, {17, 128, 64}, {33, 192, 128}, {48, 640, 128}, {77, 320, 128},
                            {20, 1088, 1024}};
    const int32_t rows[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 17, 24, 25, 31};
    for (int32_t format = CK_F32; format <= CK_NF4; format++) {
        const shape *shapes = format == CK_NF4 ? blocks : ragged;
        const size_t count = format == CK_NF4 ? sizeof blocks / sizeof *blocks : sizeof ragged / sizeof *ragged;
        for (size_t i = 0; i < count; i++) {
            for (size_t m = 0; m < sizeof rows / sizeof *rows; m++)
                check_products(t, format, shapes[i], NORMAL, rows[m], &r);
            for (kind kind = OUTLIERS; kind < KINDS; kind++)
                check_products(t, format, shapes[i], kind, 1 + random_below(&r, 14), &r);
        }
        check_products(t, format, (shape){256, 640, 128}, OUTLIERS, 130, &r);
        check_products(t, format, (shape){1536, 640, 128}, NORMAL, 14, &r);
        check_products(t, format, (shape){640, 2048, 128}, OUTLIERS, 14, &r);
        check_products(t, format, (shape){48, 128, 128}, NORMAL, 300, &r);
    }
}

static void check_refusals(const ck_kernels *t) {
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int32_t format = CK_F32; format <= CK_NF4; format++) {
        for (int32_t n = 15; n <= 17; n += 2) {
            for (size_t b = 0; b < 3; b++) {
                float w[17 * 64], scales[17];
                uint8_t codes[17 * 32] = {0};
                random_source r = {7};
                fill(&r, NORMAL, w, 17 * 64), fill(&r, NORMAL, scales, 17);
                ck_matrix matrix;
                w[(n - 1) * 64 + 63] = bad[b], scales[n - 1] = bad[b];
                expect(
                    pack(t, format, n, 64, 64, w, codes, scales, &matrix) == CK_NOT_FINITE, "%s %s packs %g", t->name,
                    format_name(format), bad[b]);
                free((void *)matrix.data);
            }
        }
    }
    const float large = 3.4e38f;
    ck_matrix matrix = {NULL, CK_BF16, 1, 1, 1};
    _Alignas(64) char target[2048];
    expect(t->pack_panel(&matrix, 0, &large, 1, target) == CK_NOT_FINITE, "%s packs what bf16 cannot hold", t->name);
    matrix.format = CK_NF4;
    expect(t->pack_panel(&matrix, 0, &large, 1, target) == CK_UNSUPPORTED, "%s packs f32 as NF4", t->name);
    matrix.format = CK_INT8;
    expect(
        t->pack_panel_nf4(&matrix, 0, (const uint8_t *)"", &large, target) == CK_UNSUPPORTED, "%s packs codes as int8",
        t->name);
}

// MARK: Row-wise steps

/// |a - b| <= relative * |b| + absolute.
static int near(double a, double b, double relative, double absolute) {
    return fabs(a - b) <= relative * fabs(b) + absolute || (isnan(a) && isnan(b)) || a == b;
}

static void check_rows(const ck_kernels *t) {
    const ck_kernels *twin = ck_twin(t);
    random_source r = {2};
    enum { ROWS = 5, STRIDE = 1300 };
    for (int32_t width = 1; width < 1290; width += width < 70 ? 1 : 61) {
        for (kind kind = NORMAL; kind < KINDS; kind++) {
            const size_t size = ((ROWS - 1) * STRIDE + (size_t)width) * 4;
            float *x = aligned(size), *y = aligned(size), *a = aligned(size), *b = aligned(size);
            float *weight = aligned((size_t)width * 4);
            fill(&r, kind, x, size / 4), fill(&r, kind, y, size / 4), fill(&r, NORMAL, weight, (size_t)width);
            // The squares of f32 norms overflow above 1e19.
            if (kind == HUGE_VALUES) for (size_t i = 0; i < size / 4; i++) x[i] *= 1e-13f, y[i] *= 1e-13f;
            const int32_t flags = width % 2 ? CK_NORM_UNIT_OFFSET : 0;
            const float epsilon = 1e-6f;
            t->rmsnorm(x, STRIDE, weight, width, epsilon, flags, a, STRIDE, ROWS);
            twin->rmsnorm(x, STRIDE, weight, width, epsilon, flags, b, STRIDE, ROWS);
            for (size_t i = 0; i < size / 4; i++)
                expect(near(a[i], b[i], 2e-6, 1e-44), "%s rmsnorm %d %s: %.9g, twin %.9g", t->name, width,
                       kind_names[kind], a[i], b[i]);
            memcpy(b, x, size);
            t->rmsnorm(b, STRIDE, weight, width, epsilon, flags, b, STRIDE, ROWS);
            for (int32_t row = 0; row < ROWS; row++)
                expect(memcmp(a + row * STRIDE, b + row * STRIDE, (size_t)width * 4) == 0 || kind == INFINITE,
                       "%s rmsnorm %d in place", t->name, width);

            memcpy(a, x, size), memcpy(b, x, size);
            t->add(a, STRIDE, y, STRIDE, width, ROWS);
            twin->add(b, STRIDE, y, STRIDE, width, ROWS);
            for (size_t i = 0; i < size / 4; i++) expect(same(a[i], b[i]), "%s add %d", t->name, width);
            memcpy(a, x, size), memcpy(b, x, size);
            t->add_rmsnorm(a, STRIDE, y, STRIDE, weight, width, epsilon, flags, ROWS);
            twin->add_rmsnorm(b, STRIDE, y, STRIDE, weight, width, epsilon, flags, ROWS);
            for (size_t i = 0; i < size / 4; i++)
                expect(near(a[i], b[i], 2e-6, 2e-6 * (fabs((double)b[i] - x[i]) + fabs(x[i])) + 1e-44)
                           || !isfinite(b[i]),
                       "%s add_rmsnorm %d %s: %.9g, twin %.9g", t->name, width, kind_names[kind], a[i], b[i]);

            for (int32_t gate = CK_GEGLU_TANH; gate <= CK_SWIGLU; gate++) {
                memset(a, 0, size), memset(b, 0, size);
                t->gated(gate, x, STRIDE, y, STRIDE, width, a, STRIDE, ROWS);
                twin->gated(gate, x, STRIDE, y, STRIDE, width, b, STRIDE, ROWS);
                for (size_t i = 0; i < size / 4; i++)
                    expect(near(a[i], b[i], 2e-5, 1e-33 * fabs((double)y[i])) || kind == INFINITE,
                           "%s gated %d %d %s: %.9g, twin %.9g", t->name, gate, width, kind_names[kind], a[i], b[i]);
            }

            // The fused forms give the bits of the separate ones.
            const int32_t group = width > 64 ? 64 : width;
            for (int32_t format = CK_F32; format <= CK_INT8; format++) {
                const size_t bytes = t->row_bytes(format, width, group);
                char *fused = aligned(bytes * ROWS), *separate = aligned(bytes * ROWS);
                t->rmsnorm(x, STRIDE, weight, width, epsilon, flags, a, STRIDE, ROWS);
                t->prepare(format, width, group, a, STRIDE, separate, (ptrdiff_t)bytes, ROWS);
                t->rmsnorm_prepare(
                    format, group, x, STRIDE, weight, width, epsilon, flags, fused, (ptrdiff_t)bytes, ROWS);
                expect(memcmp(fused, separate, bytes * ROWS) == 0 || kind == INFINITE, "%s rmsnorm_prepare %s %d %s",
                       t->name, format_name(format), width, kind_names[kind]);
                memset(fused, 0, bytes * ROWS), memset(separate, 0, bytes * ROWS);
                t->gated(CK_GEGLU_TANH, x, STRIDE, y, STRIDE, width, a, STRIDE, ROWS);
                t->prepare(format, width, group, a, STRIDE, separate, (ptrdiff_t)bytes, ROWS);
                // In two runs of elements.
                const int32_t cut = width / 2 / group * group;
                t->gated_prepare(
                    format, group, CK_GEGLU_TANH, x, STRIDE, y, STRIDE, width, 0, cut, fused, (ptrdiff_t)bytes, ROWS);
                t->gated_prepare(
                    format, group, CK_GEGLU_TANH, x + cut, STRIDE, y + cut, STRIDE, width, cut, width, fused,
                    (ptrdiff_t)bytes, ROWS);
                expect(memcmp(fused, separate, bytes * ROWS) == 0 || kind == INFINITE, "%s gated_prepare %s %d %s",
                       t->name, format_name(format), width, kind_names[kind]);
                free(fused), free(separate);
            }
            free(x), free(y), free(a), free(b), free(weight);
        }
    }
}

/// Decoded 4-bit weights have the twin's bits, wherever they begin and end, and nothing is written beside them.
static void check_decoding(const ck_kernels *t) {
    const ck_kernels *twin = ck_twin(t);
    random_source r = {6};
    for (int32_t count = 1; count < 10000; count += count < 150 ? 1 : 997) {
        for (kind kind = NORMAL; kind < KINDS; kind++) {
            const int32_t block = 32 << random_below(&r, 8), first = random_below(&r, 3 * block);
            const size_t all = (size_t)(first + count), blocks = (all + (size_t)block - 1) / (size_t)block;
            uint8_t *codes = aligned((all + 1) / 2);
            float *scales = aligned(blocks * 4), *codebook = aligned(16 * 4);
            for (size_t i = 0; i < (all + 1) / 2; i++) codes[i] = (uint8_t)random_bits(&r);
            fill(&r, kind, scales, blocks);
            if (random_below(&r, 2)) fill(&r, NORMAL, codebook, 16);
            else memcpy(codebook, nf4_codes, sizeof nf4_codes);
            for (int32_t rounding = CK_ROUND_F32; rounding <= CK_ROUND_F16; rounding++) {
                float *own = aligned((size_t)count * 4), *plain = aligned((size_t)count * 4);
                t->decode_four_bit(codes, codebook, scales, block, rounding, first, count, own);
                twin->decode_four_bit(codes, codebook, scales, block, rounding, first, count, plain);
                for (int32_t i = 0; i < count; i++)
                    expect(same(own[i], plain[i]),
                           "%s decoding %d from %d, blocks of %d, rounding %d, %s: element %d is %.9g, twin %.9g",
                           t->name, count, first, block, rounding, kind_names[kind], i, own[i], plain[i]);
                free(own), free(plain);
            }
            free(codes), free(scales), free(codebook);
        }
    }
}

/// Low-rank updates have the twin's bits, and write nothing beside the rows.
static void check_low_rank(const ck_kernels *t) {
    const ck_kernels *twin = ck_twin(t);
    random_source r = {5};
    const int32_t ranks[] = {1, 2, 3, 7, 8, 16, 17, 64, 130};
    for (int32_t width = 1; width < 1100; width += width < 140 ? 1 : 97) {
        for (kind kind = NORMAL; kind < KINDS; kind++) {
            const int32_t rank = ranks[random_below(&r, 9)], rows = 1 + random_below(&r, 17);
            const ptrdiff_t ldw = width + random_below(&r, 5);
            const size_t size = (size_t)(rows * ldw);
            float *a = aligned((size_t)(rank * width) * 4), *b = aligned((size_t)(rows * rank) * 4);
            float *own = aligned(size * 4), *plain = aligned(size * 4);
            fill(&r, kind, a, (size_t)(rank * width));
            fill(&r, kind == INFINITE || random_below(&r, 2) ? NORMAL : kind, b, (size_t)(rows * rank));
            if (random_below(&r, 3) == 0) fill(&r, ZERO, b, (size_t)rank);
            fill(&r, kind, own, size);
            // Negative zeros: 0 + -0 is not -0.
            for (size_t i = 0; i < size; i += 7) own[i] = -0.0f;
            memcpy(plain, own, size * 4);
            const float scale = random_normal(&r);
            t->add_low_rank(a, b, rank, scale, own, ldw, width, rows);
            for (int32_t row = 0; row < rows; row++)
                twin->add_low_rank(a, b + row * rank, rank, scale, plain + row * ldw, ldw, width, 1);
            for (size_t i = 0; i < size; i++)
                expect(same(own[i], plain[i]), "%s low rank %d, [%d, %d] %s: element %zu is %.9g, twin %.9g", t->name,
                       rank, rows, width, kind_names[kind], i, own[i], plain[i]);
            free(a), free(b), free(own), free(plain);
        }
    }
}

static void check_rope(const ck_kernels *t) {
    const ck_kernels *twin = ck_twin(t);
    random_source r = {3};
    for (int32_t size = 2; size <= 256; size += size < 40 ? 2 : 24) {
        enum { ROWS = 4, HEADS = 3, POSITIONS = 9 };
        const int32_t stride = HEADS * size + 5;
        float *a = aligned((size_t)(ROWS * stride) * 4), *b = aligned((size_t)(ROWS * stride) * 4);
        float *tables = aligned((size_t)(POSITIONS * size) * 4);
        const int32_t positions[ROWS] = {0, 8, 3, 3};
        fill(&r, NORMAL, a, (size_t)(ROWS * stride)), fill(&r, NORMAL, tables, (size_t)(POSITIONS * size));
        memcpy(b, a, (size_t)(ROWS * stride) * 4);
        t->rope(a, stride, HEADS, size, tables, tables + POSITIONS * size / 2, positions, ROWS);
        twin->rope(b, stride, HEADS, size, tables, tables + POSITIONS * size / 2, positions, ROWS);
        for (int32_t i = 0; i < ROWS * stride; i++) expect(same(a[i], b[i]), "%s rope %d", t->name, size);
        free(a), free(b), free(tables);
    }
}

/// Dense sweeps of the gates against libm in double; also prints the largest error seen.
static void check_gate_errors(const ck_kernels *t) {
    for (int32_t kind = CK_GEGLU_TANH; kind <= CK_SWIGLU; kind++) {
        double worst = 0;
        float one[1024], gate[1024], result[1024];
        for (int i = 0; i < 1024; i++) one[i] = 1;
        for (double start = -100; start < 100; start += 1024e-4 / 3) {
            for (int i = 0; i < 1024; i++) gate[i] = (float)(start + i * 1e-4 / 3);
            t->gated(kind, gate, 0, one, 0, 1024, result, 0, 1);
            for (int i = 0; i < 1024; i++) {
                const double g = gate[i];
                const double z = kind == CK_SWIGLU ? g : 2 * 0.79788456080286535588 * (g + 0.044715 * g * g * g);
                const double want = g / (1 + exp(-z));
                if (z > -86 && g != 0) {
                    // t is rounded, and e^-t makes that a relative error of up to |t| as much.
                    const double error = fabs(result[i] - want) / fabs(want) / (1 + fabs(z));
                    if (error > worst) worst = error;
                } else {
                    expect(fabs(result[i] - want) <= 1e-34, "%s gate %d of %g: %g, not %g", t->name, kind, g,
                           result[i], want);
                }
            }
        }
        printf("  %s %s: largest relative error / (1 + |t|) %.2g\n", t->name, kind == CK_SWIGLU ? "SiLU" : "GELU",
               worst);
        expect(worst < 2.5e-7, "%s gate %d is off by %g", t->name, kind, worst);
    }
}

// MARK: Attention

typedef struct attention_case {
    int32_t heads, kv_heads, size, length, window, causal;
} attention_case;

static void check_attention_case(const ck_kernels *t, attention_case c, kind kind, random_source *r) {
    const int32_t before = 3, rows = before + c.length + 2, width = (c.heads + 2 * c.kv_heads) * c.size;
    const int32_t out_width = c.heads * c.size;
    float *qkv = aligned((size_t)rows * (size_t)width * 4), *y = aligned((size_t)rows * (size_t)out_width * 4);
    float *plain = aligned((size_t)rows * (size_t)out_width * 4), *cut = aligned((size_t)rows * (size_t)out_width * 4);
    void *workspace = aligned(ck_attention_workspace(c.length, c.size));
    memset(workspace, 0xff, ck_attention_workspace(c.length, c.size));
    fill(r, kind, qkv, (size_t)rows * (size_t)width);
    for (int32_t i = 0; i < rows * out_width; i++) y[i] = plain[i] = cut[i] = 7;
    ck_attention a = {qkv, qkv + c.heads * c.size, qkv + (c.heads + c.kv_heads) * c.size, y, width, width, width,
                      out_width, c.heads, c.kv_heads, c.size, 1 / sqrtf((float)c.size), c.causal, c.window};
    const int32_t end = before + c.length;
    for (int32_t head = 0; head < c.kv_heads; head++) t->attention(&a, before, end, head, before, end, workspace);
    a.out = plain;
    for (int32_t head = 0; head < c.kv_heads; head++)
        ck_twin(t)->attention(&a, before, end, head, before, end, workspace);
    a.out = cut;
    for (int32_t head = 0; head < c.kv_heads; head++) {
        for (int32_t row = before; row < end;) {
            const int32_t last = row + 1 + random_below(r, end - row);
            t->attention(&a, before, end, head, row, last, workspace);
            row = last;
        }
    }
    for (int32_t i = 0; i < rows * out_width; i++) {
        expect(near(y[i], plain[i], 1e-5, 2e-6) || kind == INFINITE,
               "%s attention %d/%d heads of %d, %d rows, window %d, causal %d: element %d is %.9g, twin %.9g", t->name,
               c.heads, c.kv_heads, c.size, c.length, c.window, c.causal, i, y[i], plain[i]);
        expect(same(y[i], cut[i]) || kind == INFINITE, "%s attention depends on the cut of rows", t->name);
        const int32_t row = i / out_width;
        const int outside = row < before || row >= end;
        expect(!outside || y[i] == 7, "%s attention writes row %d outside the message", t->name, row);
    }
    free(qkv), free(y), free(plain), free(cut), free(workspace);
}

static void check_attention(const ck_kernels *t) {
    random_source r = {4};
    const int32_t lengths[] = {1, 2, 5, 6, 7, 13, 14, 16, 17, 33, 64, 65, 130};
    const int32_t sizes[] = {1, 2, 16, 24, 32, 40, 64, 80, 128, 256};
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            for (int32_t causal = 0; causal < 2; causal++) {
                const int32_t windows[] = {0, 1, 5, 20};
                for (size_t w = 0; w < 4; w++) {
                    attention_case c = {4, s % 2 ? 2 : 1, sizes[s], lengths[l], windows[w], causal};
                    check_attention_case(t, c, NORMAL, &r);
                }
            }
        }
        check_attention_case(t, (attention_case){2, 1, 32, lengths[l], 0, 0}, DENORMAL, &r);
        check_attention_case(t, (attention_case){2, 1, 32, lengths[l], 0, 1}, ZERO, &r);
        check_attention_case(t, (attention_case){2, 1, 32, lengths[l], 0, 1}, INFINITE, &r);
    }
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "roofline") == 0) return roofline(argc - 1, argv + 1);
    if (argc < 2 || argc > 3 || strcmp(argv[1], "check") != 0) {
        fprintf(stderr, "usage: %s check [LEVEL] | roofline [SECONDS [FORMAT [LEVEL]]]\n", argv[0]);
        return 2;
    }
    int run = 0;
    for (int level = 0; level < CK_LEVEL_COUNT; level++) {
        const char *name = ck_level_name((ck_level)level);
        if (argc > 2 && strcmp(argv[2], name) != 0) continue;
        if (!ck_level_available((ck_level)level)) {
            printf("%s: not available here, NOT checked\n", name);
            continue;
        }
        const ck_kernels *t = ck_select(name);
        const long before = checks;
        check_all_products(t);
        check_refusals(t);
        check_rows(t);
        check_decoding(t);
        check_low_rank(t);
        check_rope(t);
        check_gate_errors(t);
        check_attention(t);
        printf("%s: %ld checks\n", name, checks - before);
        fflush(stdout);
        run++;
    }
    printf("%d levels, %ld checks, %ld failed\n", run, checks, failures);
    return failures != 0 || run == 0;
}
