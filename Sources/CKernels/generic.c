// Every kernel in plain C: the twin that the SIMD levels are tested against, and what runs where there is none.
// Written to be read, not to be fast; libm's functions where the others use polynomials.
//
// Layouts. A panel: CK_F32 16 rows of k floats; CK_BF16 16 rows of k bf16; CK_INT8 16 scales, then 16 rows of k bytes;
// CK_NF4 16 rows of k / 64 scales, 16 rows of k / 2 bytes as bitsandbytes has them, then an int16 for each block: how
// many steps 1 of the code book is. A prepared row: k floats for
// CK_F32 and CK_BF16; otherwise a scale for each group, then k 16-bit integers from the next multiple of 64 bytes.

#include "internal.h"

// MARK: Sizes

static size_t scale_bytes(int32_t k, int32_t group) { return ck_round_up((size_t)ck_groups(k, group) * 4, 64); }

static size_t panel_bytes(int32_t format, int32_t k, int32_t group) {
    (void)group;
    size_t inputs = (size_t)k, blocks = inputs / CK_NF4_BLOCK;
    switch (format) {
    case CK_F32: return CK_PANEL * inputs * 4;
    case CK_BF16: return ck_round_up(CK_PANEL * inputs * 2, 64);
    case CK_INT8: return ck_round_up(CK_PANEL * (4 + inputs), 64);
    default: return ck_round_up(CK_PANEL * (blocks * 4 + inputs / 2) + blocks * 2, 64);
    }
}

static size_t row_bytes(int32_t format, int32_t k, int32_t group) {
    size_t inputs = (size_t)k;
    if (format == CK_F32 || format == CK_BF16) return ck_round_up(inputs * 4, 64);
    return scale_bytes(k, group) + ck_round_up(inputs * 2, 64);
}

// MARK: Decoding and merging

/// Input i's code of a row of codes.
static int code_at(const uint8_t *codes, size_t i) { return i % 2 == 0 ? codes[i / 2] >> 4 : codes[i / 2] & 15; }

static void decode_four_bit(
    const uint8_t *codes, const float *codebook, const float *scales, int32_t block, int32_t rounding, ptrdiff_t first,
    ptrdiff_t count, float *target) {
    for (ptrdiff_t i = first; i < first + count; i++) {
        const float value = codebook[code_at(codes, (size_t)i)] * scales[i / block];
        *target++ = rounding == CK_ROUND_BF16  ? ck_from_bf16(ck_to_bf16(value))
                    : rounding == CK_ROUND_F16 ? ck_round_f16(value)
                                               : value;
    }
}

static void add_low_rank(
    const float *a, const float *b, int32_t rank, float scale, float *w, ptrdiff_t ldw, int32_t width, int32_t rows) {
    for (int32_t row = 0; row < rows; row++, b += rank, w += ldw) {
        // In runs of columns, so that A is read in the order of its memory.
        for (int32_t start = 0; start < width; start += CK_PANEL) {
            const int32_t count = ck_min(CK_PANEL, width - start);
            float sums[CK_PANEL] = {0};
            for (int32_t k = 0; k < rank; k++) {
                const float *part = a + (ptrdiff_t)k * width + start;
                for (int32_t i = 0; i < count; i++) sums[i] += b[k] * part[i];
            }
            for (int32_t i = 0; i < count; i++) w[start + i] += sums[i] * scale;
        }
    }
}

// MARK: Packing

/// How the twin of a level quantises.
typedef enum quantiser { WORDS, BYTES, CHAINS } quantiser;

static ck_status pack_row_int8(const float *row, int32_t k, quantiser own, float *scale, int8_t *codes) {
    uint32_t largest = 0;
    for (int32_t i = 0; i < k; i++) {
        uint32_t magnitude = ck_magnitude(row[i]);
        largest = magnitude > largest ? magnitude : largest;
    }
    if (largest >= CK_INFINITY_BITS) return CK_NOT_FINITE;
    float inverse;
    ck_scale(largest, 127, scale, &inverse);
    if (own == CHAINS) ck_chain_scale(row, k, scale, &inverse);
    for (int32_t i = 0; i < k; i++) codes[i] = (int8_t)ck_quantise(row[i], inverse);
    return CK_OK;
}

static ck_status pack(
    const ck_matrix *matrix, int32_t panel, const float *rows, ptrdiff_t ldrows, void *target, quantiser own) {
    int32_t k = matrix->k, count = ck_min(CK_PANEL, matrix->n - panel * CK_PANEL);
    if (matrix->format == CK_NF4) return CK_UNSUPPORTED;
    memset(target, 0, panel_bytes(matrix->format, k, matrix->group));
    for (int32_t j = 0; j < count; j++) {
        const float *row = rows + j * ldrows;
        if (matrix->format == CK_INT8) {
            float *scales = target;
            int8_t *codes = (int8_t *)(scales + CK_PANEL) + (size_t)j * k;
            ck_status status = pack_row_int8(row, k, own, &scales[j], codes);
            if (status != CK_OK) return status;
            continue;
        }
        for (int32_t i = 0; i < k; i++) {
            size_t index = (size_t)j * k + i;
            float value = matrix->format == CK_F32 ? row[i] : ck_from_bf16(ck_to_bf16(row[i]));
            if (ck_magnitude(value) >= CK_INFINITY_BITS) return CK_NOT_FINITE;
            if (matrix->format == CK_F32) ((float *)target)[index] = value;
            else ((uint16_t *)target)[index] = ck_to_bf16(value);
        }
    }
    return CK_OK;
}

/// A panel's steps of 1 of the code book, behind its codes.
static int16_t *nf4_steps(const void *panel, int32_t k) {
    size_t inputs = (size_t)k;
    return (int16_t *)((char *)panel + CK_PANEL * (inputs / CK_NF4_BLOCK * 4 + inputs / 2));
}

static ck_status pack_nf4(
    const ck_matrix *matrix, int32_t panel, const uint8_t *codes, const float *scales, void *target, quantiser own) {
    if (matrix->format != CK_NF4) return CK_UNSUPPORTED;
    size_t k = (size_t)matrix->k, blocks = k / CK_NF4_BLOCK;
    size_t count = (size_t)ck_min(CK_PANEL, matrix->n - panel * CK_PANEL);
    memset(target, 0, panel_bytes(CK_NF4, matrix->k, matrix->group));
    int16_t *steps = nf4_steps(target, matrix->k);
    for (size_t block = 0; block < blocks; block++) {
        uint8_t unpacked[CK_PANEL][CK_NF4_BLOCK];
        memset(unpacked, 7, sizeof unpacked);
        for (size_t j = 0; j < count; j++) {
            for (size_t i = 0; i < CK_NF4_BLOCK; i++)
                unpacked[j][i] = (uint8_t)code_at(codes + j * k / 2, block * CK_NF4_BLOCK + i);
        }
        steps[block] = (int16_t)(own == WORDS   ? CK_NF4_WORD
                                 : own == BYTES ? CK_NF4_BYTE
                                                : ck_chain_multiplier(unpacked));
    }
    float *packed = target;
    for (size_t i = 0; i < count * blocks; i++) {
        if (ck_magnitude(scales[i]) >= CK_INFINITY_BITS) return CK_NOT_FINITE;
        packed[i] = scales[i] / (float)steps[i % blocks];
    }
    memcpy(packed + CK_PANEL * blocks, codes, count * k / 2);
    return CK_OK;
}

#define PACKING(NAME, OWN)                                                                                             \
    static ck_status pack_panel##NAME(                                                                                 \
        const ck_matrix *matrix, int32_t panel, const float *rows, ptrdiff_t ldrows, void *target) {                   \
        return pack(matrix, panel, rows, ldrows, target, OWN);                                                         \
    }                                                                                                                  \
    static ck_status pack_panel_nf4##NAME(                                                                             \
        const ck_matrix *matrix, int32_t panel, const uint8_t *codes, const float *scales, void *target) {             \
        return pack_nf4(matrix, panel, codes, scales, target, OWN);                                                    \
    }

PACKING(, WORDS)
PACKING(_byte, BYTES)
PACKING(_chain, CHAINS)

// MARK: Row-wise steps

static float norm_scale(const float *x, int32_t width, float epsilon) {
    double squares = 0;
    for (int32_t i = 0; i < width; i++) squares += (double)x[i] * x[i];
    return (float)(1 / sqrt(squares / width + epsilon));
}

/// Element i of a normalised row.
static float normalised(const float *x, float scale, const float *weight, int32_t flags, int32_t i) {
    return x[i] * scale * (flags & CK_NORM_UNIT_OFFSET ? 1 + weight[i] : weight[i]);
}

static void rmsnorm(
    const float *x, ptrdiff_t ldx, const float *weight, int32_t width, float epsilon, int32_t flags, float *y,
    ptrdiff_t ldy, int32_t rows) {
    for (int32_t row = 0; row < rows; row++, x += ldx, y += ldy) {
        float scale = norm_scale(x, width, epsilon);
        for (int32_t i = 0; i < width; i++) y[i] = normalised(x, scale, weight, flags, i);
    }
}

static void add(float *x, ptrdiff_t ldx, const float *y, ptrdiff_t ldy, int32_t width, int32_t rows) {
    for (int32_t row = 0; row < rows; row++, x += ldx, y += ldy) {
        for (int32_t i = 0; i < width; i++) x[i] += y[i];
    }
}

static void add_rmsnorm(
    float *x, ptrdiff_t ldx, const float *y, ptrdiff_t ldy, const float *weight, int32_t width, float epsilon,
    int32_t flags, int32_t rows) {
    for (int32_t row = 0; row < rows; row++, x += ldx, y += ldy) {
        float scale = norm_scale(y, width, epsilon);
        for (int32_t i = 0; i < width; i++) x[i] += normalised(y, scale, weight, flags, i);
    }
}

/// act(g) in double: the tanh form of GELU written without the cancellation of 1 + tanh.
static float activated(int32_t kind, float gate) {
    double g = gate;
    double t = kind == CK_GEGLU_TANH ? 2 * 0.79788456080286535588 * (g + 0.044715 * g * g * g) : g;
    return (float)(g / (1 + exp(-t)));
}

static void gated(
    int32_t kind, const float *gate, ptrdiff_t ldgate, const float *up, ptrdiff_t ldup, int32_t width, float *y,
    ptrdiff_t ldy, int32_t rows) {
    for (int32_t row = 0; row < rows; row++, gate += ldgate, up += ldup, y += ldy) {
        for (int32_t i = 0; i < width; i++) y[i] = activated(kind, gate[i]) * up[i];
    }
}

static void rope(
    float *x, ptrdiff_t ldx, int32_t heads, int32_t head_dim, const float *cosines, const float *sines,
    const int32_t *positions, int32_t rows) {
    int32_t half = head_dim / 2;
    for (int32_t row = 0; row < rows; row++, x += ldx) {
        const float *c = cosines + (ptrdiff_t)positions[row] * half, *s = sines + (ptrdiff_t)positions[row] * half;
        for (int32_t head = 0; head < heads; head++) {
            float *first = x + (ptrdiff_t)head * head_dim, *second = first + half;
            for (int32_t i = 0; i < half; i++) {
                float a = first[i], b = second[i];
                first[i] = a * c[i] - b * s[i];
                second[i] = b * c[i] + a * s[i];
            }
        }
    }
}

// MARK: Preparing

/// Quantises one row; `limit` is the level's largest magnitude.
static void prepare_row(int32_t format, int32_t k, int32_t group, const float *x, void *target, int32_t limit) {
    if (format == CK_F32 || format == CK_BF16) {
        float *values = target;
        for (int32_t i = 0; i < k; i++) values[i] = format == CK_F32 ? x[i] : ck_from_bf16(ck_to_bf16(x[i]));
        return;
    }
    float *scales = target;
    int16_t *values = (int16_t *)((char *)target + scale_bytes(k, group));
    for (int32_t g = 0, start = 0; start < k; g++, start += group) {
        int32_t end = ck_min(k, start + group);
        uint32_t largest = 0;
        for (int32_t i = start; i < end; i++) {
            uint32_t magnitude = ck_magnitude(x[i]);
            largest = magnitude > largest ? magnitude : largest;
        }
        float inverse;
        ck_scale(largest, limit, &scales[g], &inverse);
        for (int32_t i = start; i < end; i++) values[i] = (int16_t)ck_quantise(x[i], inverse);
    }
}

// The tables share everything but this limit.
#define PREPARING(NAME, LIMIT)                                                                                         \
    static void prepare##NAME(                                                                                         \
        int32_t format, int32_t k, int32_t group, const float *x, ptrdiff_t ldx, void *target, ptrdiff_t ldtarget,     \
        int32_t rows) {                                                                                                \
        for (int32_t row = 0; row < rows; row++, x += ldx, target = (char *)target + ldtarget)                         \
            prepare_row(format, k, group, x, target, LIMIT);                                                           \
    }                                                                                                                  \
    static void rmsnorm_prepare##NAME(                                                                                 \
        int32_t format, int32_t group, const float *x, ptrdiff_t ldx, const float *weight, int32_t width,              \
        float epsilon, int32_t flags, void *target, ptrdiff_t ldtarget, int32_t rows) {                                \
        for (int32_t row = 0; row < rows; row++, x += ldx, target = (char *)target + ldtarget) {                       \
            float scale = norm_scale(x, width, epsilon);                                                               \
            EACH_GROUP(LIMIT, 0, width, normalised(x, scale, weight, flags, i))                                        \
        }                                                                                                              \
    }                                                                                                                  \
    static void gated_prepare##NAME(                                                                                   \
        int32_t format, int32_t group, int32_t kind, const float *gate, ptrdiff_t ldgate, const float *up,             \
        ptrdiff_t ldup, int32_t width, int32_t first, int32_t last, void *target, ptrdiff_t ldtarget, int32_t rows) {  \
        for (int32_t row = 0; row < rows; row++, gate += ldgate, up += ldup, target = (char *)target + ldtarget)       \
            EACH_GROUP(LIMIT, first, last, activated(kind, gate[i - first]) * up[i - first])                           \
    }

/// Computes elements [FIRST, LAST) of a row group by group and prepares each at once.
#define EACH_GROUP(LIMIT, FIRST, LAST, ELEMENT)                                                                        \
    {                                                                                                                  \
        int32_t step = format == CK_INT8 || format == CK_NF4 ? group : CK_MAX_GROUP;                                   \
        for (int32_t start = FIRST; start < LAST; start += step) {                                                     \
            float values[CK_MAX_GROUP];                                                                                \
            int32_t end = ck_min(LAST, start + step);                                                                  \
            for (int32_t i = start; i < end; i++) values[i - start] = ELEMENT;                                         \
            prepare_part(format, width, group, values, start, end, target, LIMIT);                                     \
        }                                                                                                              \
    }

/// Elements [start, end) of a row; whole groups.
static void prepare_part(
    int32_t format, int32_t k, int32_t group, const float *values, int32_t start, int32_t end, void *target,
    int32_t limit) {
    if (format == CK_F32 || format == CK_BF16) {
        prepare_row(format, end - start, group, values, (float *)target + start, limit);
        return;
    }
    char one[64 + 2 * CK_MAX_GROUP];
    prepare_row(format, end - start, group, values, one, limit);
    memcpy((float *)target + start / group, one, 4);
    memcpy((char *)target + scale_bytes(k, group) + 2 * (size_t)start, one + 64, 2 * (size_t)(end - start));
}

PREPARING(, CK_LIMIT_WORD)
PREPARING(_byte, CK_LIMIT_BYTE)
PREPARING(_chain, CK_LIMIT_CHAIN)

// MARK: Attention

size_t ck_attention_workspace(int32_t rows, int32_t head_dim) {
    // The SIMD levels' needs, which hold the generic ones: keys transposed in panels of 16, and the scores of 64 query
    // rows.
    size_t padded = ck_round_up((size_t)ck_max(rows, 1), CK_PANEL);
    return padded * ((size_t)ck_max(head_dim, 1) + 64) * 4;
}

static void attention(
    const ck_attention *a, int32_t start, int32_t end, int32_t kv_head, int32_t first_row, int32_t last_row,
    void *workspace) {
    int32_t shared = a->heads / a->kv_heads, size = a->head_dim;
    float *scores = workspace;
    for (int32_t head = kv_head * shared; head < (kv_head + 1) * shared; head++) {
        for (int32_t i = first_row; i < last_row; i++) {
            int32_t low = a->window > 0 ? ck_max(start, i - a->window + 1) : start;
            int32_t high = a->causal ? i + 1 : end;
            if (a->window > 0 && high - i > a->window) high = i + a->window;
            const float *q = a->q + i * a->ldq + (ptrdiff_t)head * size;
            float top = -INFINITY, total = 0;
            for (int32_t j = low; j < high; j++) {
                const float *k = a->k + j * a->ldk + (ptrdiff_t)kv_head * size;
                float dot = 0;
                for (int32_t e = 0; e < size; e++) dot = fmaf(q[e], k[e], dot);
                scores[j - low] = dot * a->scale;
                top = scores[j - low] > top ? scores[j - low] : top;
            }
            for (int32_t j = low; j < high; j++) total += scores[j - low] = expf(scores[j - low] - top);
            for (int32_t e = 0; e < size; e++) {
                float sum = 0;
                for (int32_t j = low; j < high; j++)
                    sum = fmaf(scores[j - low], a->v[j * a->ldv + (ptrdiff_t)kv_head * size + e], sum);
                a->out[i * a->ldo + (ptrdiff_t)head * size + e] = sum / total;
            }
        }
    }
}

// MARK: Products

static float float_dot(const ck_matrix *matrix, const float *x, const void *panel, int32_t j) {
    float sum = 0;
    for (int32_t i = 0; i < matrix->k; i++) {
        size_t index = (size_t)j * matrix->k + i;
        float w = matrix->format == CK_F32 ? ((const float *)panel)[index]
                                           : ck_from_bf16(((const uint16_t *)panel)[index]);
        sum = fmaf(x[i], w, sum);
    }
    return sum;
}

static float int8_dot(const ck_matrix *matrix, const void *row, const void *panel, int32_t j) {
    int32_t k = matrix->k, group = matrix->group;
    const float *scales = row, *weight_scales = panel;
    const int16_t *x = (const int16_t *)((const char *)row + scale_bytes(k, group));
    const int8_t *w = (const int8_t *)(weight_scales + CK_PANEL) + (size_t)j * k;
    float total = 0;
    for (int32_t g = 0, start = 0; start < k; g++, start += group) {
        int32_t sum = 0;
        for (int32_t i = start; i < ck_min(k, start + group); i++) sum += x[i] * w[i];
        total = fmaf((float)sum, scales[g], total);
    }
    return total * weight_scales[j];
}

static float nf4_dot(const ck_matrix *matrix, const void *row, const void *panel, int32_t j) {
    int32_t k = matrix->k, group = matrix->group, blocks = k / CK_NF4_BLOCK;
    const float *scales = row, *weight_scales = (const float *)panel + (size_t)j * blocks;
    const int16_t *x = (const int16_t *)((const char *)row + scale_bytes(k, group)), *steps = nf4_steps(panel, k);
    const uint8_t *codes = (const uint8_t *)((const float *)panel + (size_t)CK_PANEL * blocks) + (size_t)j * k / 2;
    float total = 0;
    for (int32_t block = 0; block < blocks; block++) {
        int32_t sum = 0, start = block * CK_NF4_BLOCK;
        for (int32_t i = start; i < start + CK_NF4_BLOCK; i++)
            sum += x[i] * ck_quantise(ck_nf4_codes[code_at(codes, (size_t)i)], steps[block]);
        total = fmaf((float)sum, weight_scales[block] * scales[start / group], total);
    }
    return total;
}

static void gemm(
    const ck_matrix *matrix, const void *x, ptrdiff_t ldx, float *y, ptrdiff_t ldy, int32_t first_row,
    int32_t last_row, int32_t first_panel, int32_t last_panel, int32_t flags, const ck_update *update) {
    size_t stride = panel_bytes(matrix->format, matrix->k, matrix->group);
    for (int32_t row = first_row; row < last_row; row++) {
        const void *values = (const char *)x + row * ldx;
        for (int32_t out = first_panel * CK_PANEL; out < ck_min(matrix->n, last_panel * CK_PANEL); out++) {
            const void *panel = (const char *)matrix->data + (size_t)(out / CK_PANEL) * stride;
            int32_t j = out % CK_PANEL;
            float result = matrix->format == CK_INT8   ? int8_dot(matrix, values, panel, j)
                           : matrix->format == CK_NF4 ? nf4_dot(matrix, values, panel, j)
                                                      : float_dot(matrix, values, panel, j);
            float *target = &y[row * ldy + out];
            *target = flags & CK_GEMM_ADD ? *target + result : result;
        }
    }
    if (update != NULL)
        gemm(
            &update->matrix, update->x, update->ldx, y, ldy, first_row, last_row, first_panel, last_panel, CK_GEMM_ADD,
            NULL);
}

const ck_kernels ck_generic = {
    "generic", CK_LIMIT_WORD, decode_four_bit, add_low_rank, panel_bytes, pack_panel, pack_panel_nf4, row_bytes,
    prepare, rmsnorm_prepare, gated_prepare, rmsnorm, add, add_rmsnorm, gated, rope, attention, gemm,
};

/// The twin of levels that multiply bytes.
const ck_kernels ck_generic_byte = {
    "generic-bytes", CK_LIMIT_BYTE, decode_four_bit, add_low_rank, panel_bytes, pack_panel_byte, pack_panel_nf4_byte,
    row_bytes, prepare_byte, rmsnorm_prepare_byte, gated_prepare_byte, rmsnorm, add, add_rmsnorm, gated, rope,
    attention, gemm,
};

/// The twin of levels that multiply bytes in chains.
const ck_kernels ck_generic_chain = {
    "generic-chains", CK_LIMIT_CHAIN, decode_four_bit, add_low_rank, panel_bytes, pack_panel_chain,
    pack_panel_nf4_chain, row_bytes, prepare_chain, rmsnorm_prepare_chain, gated_prepare_chain, rmsnorm, add,
    add_rmsnorm, gated, rope, attention, gemm,
};
