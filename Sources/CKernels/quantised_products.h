// Products of quantised activations with int8 and NF4 weights, for every SIMD level. Included behind
// `float_products.h` and `row_steps.h`. The level also defines:
//   DEPTH_STEP, WEIGHT_ZERO, weight_byte_t: inputs that one multiply instruction sums (2 or 4); panels are laid out [k / DEPTH_STEP][16][DEPTH_STEP],
//     each int8 weight plus WEIGHT_ZERO as a weight_byte_t;
//   weight_t: type of a decoded weight; CODES[16]: NF4 values; CODE_LIMIT: the largest of them;
//   quantised_rows(...): one panel's products over a run of inputs that share their scales;
//   WIDENS: decoding int8 weights ahead pays when many rows use them: decode_int8(...) does it;
//   decode_nf4(...): a block of codes to weights; pack_codes(...): the order of codes that it reads.
//
// Layout of a panel. CK_INT8: weights as bytes, filled up with zeros to DEPTH_STEP inputs, then from the next multiple
// of 64 bytes 16 scales. CK_NF4: for each block of 64 inputs 16 scales, then 512 bytes of codes.

enum { NF4_BLOCK_BYTES = CK_PANEL * 4 + CK_PANEL * CK_NF4_BLOCK / 2 };

CK_INLINE size_t int8_weight_bytes(int32_t k) {
    return ck_round_up(CK_PANEL * ck_round_up((size_t)k, DEPTH_STEP), 64);
}

static size_t panel_bytes(int32_t format, int32_t k, int32_t group) {
    (void)group;
    switch (format) {
    case CK_F32:
    case CK_BF16: return float_panel_bytes(format, k);
    case CK_INT8: return int8_weight_bytes(k) + CK_PANEL * 4;
    default: return (size_t)(k / CK_NF4_BLOCK) * NF4_BLOCK_BYTES;
    }
}

// MARK: Packing

static ck_status pack_int8_panel(int32_t k, int32_t count, const float *rows, ptrdiff_t ldrows, void *target) {
    weight_byte_t *weights = target;
    float *scales = (float *)((char *)target + int8_weight_bytes(k));
    memset(target, WEIGHT_ZERO, int8_weight_bytes(k));
    memset(scales, 0, CK_PANEL * 4);
    for (int32_t j = 0; j < count; j++) {
        const float *row = rows + j * ldrows;
        int32_t largest = 0;
        for (int32_t i = 0; i < k; i++) largest = ck_max(largest, (int32_t)ck_magnitude(row[i]));
        if (largest >= CK_INFINITY_BITS) return CK_NOT_FINITE;
        float inverse;
        ck_scale((uint32_t)largest, 127, &scales[j], &inverse);
        int32_t i = 0;
        for (; i + DEPTH_STEP <= k; i += DEPTH_STEP) {
            weight_byte_t *step = weights + ((size_t)(i / DEPTH_STEP) * CK_PANEL + j) * DEPTH_STEP;
            for (int32_t e = 0; e < DEPTH_STEP; e++)
                step[e] = (weight_byte_t)(ck_quantise(row[i + e], inverse) + WEIGHT_ZERO);
        }
        for (; i < k; i++) {
            weights[((size_t)(i / DEPTH_STEP) * CK_PANEL + j) * DEPTH_STEP + i % DEPTH_STEP] =
                (weight_byte_t)(ck_quantise(row[i], inverse) + WEIGHT_ZERO);
        }
    }
    return CK_OK;
}

static ck_status pack_panel(
    const ck_matrix *matrix, int32_t panel, const float *rows, ptrdiff_t ldrows, void *target) {
    const int32_t count = ck_min(CK_PANEL, matrix->n - panel * CK_PANEL);
    switch (matrix->format) {
    case CK_F32:
    case CK_BF16: return pack_float_panel(matrix->format, matrix->k, count, rows, ldrows, target);
    case CK_INT8: return pack_int8_panel(matrix->k, count, rows, ldrows, target);
    default: return CK_UNSUPPORTED;
    }
}

static ck_status pack_panel_nf4(
    const ck_matrix *matrix, int32_t panel, const uint8_t *codes, const float *scales, void *target) {
    if (matrix->format != CK_NF4) return CK_UNSUPPORTED;
    const int32_t count = ck_min(CK_PANEL, matrix->n - panel * CK_PANEL), blocks = matrix->k / CK_NF4_BLOCK;
    for (int32_t block = 0; block < blocks; block++) {
        float *packed = (float *)((char *)target + (size_t)block * NF4_BLOCK_BYTES);
        // Outputs that are not there get the code of zero and a scale of zero.
        uint8_t unpacked[CK_PANEL][CK_NF4_BLOCK];
        memset(unpacked, 7, sizeof unpacked);
        for (int32_t j = 0; j < CK_PANEL; j++) packed[j] = 0;
        for (int32_t j = 0; j < count; j++) {
            const size_t index = (size_t)j * blocks + block;
            if (ck_magnitude(scales[index]) >= CK_INFINITY_BITS) return CK_NOT_FINITE;
            packed[j] = scales[index] / CODE_LIMIT;
            for (int32_t i = 0; i < CK_NF4_BLOCK / 2; i++) {
                const uint8_t pair = codes[index * CK_NF4_BLOCK / 2 + i];
                unpacked[j][2 * i] = pair >> 4;
                unpacked[j][2 * i + 1] = pair & 15;
            }
        }
        pack_codes(unpacked, (uint8_t *)(packed + CK_PANEL));
    }
    return CK_OK;
}

// MARK: Products

/// Rows of the prepared activations, as the products of one run of inputs read them.
typedef struct run {
    /// Row 0's values, its scale and (SUMS) its offset of the sum.
    const char *values, *scale, *offset;
    /// Bytes from row to row.
    ptrdiff_t stride;
    /// Inputs over DEPTH_STEP.
    int32_t steps;
} run;

/// Up to TILE_ROWS rows of one panel over one run: exact integer sums, each scaled once and added to `sums`.
/// `weight_scales`: of the 16 outputs, or NULL; `first`: start from zero.
static void quantised_rows(
    int rows, run part, const void *weights, int decoded, const float *weight_scales, float *sums, int first);

/// One panel's products over one run, for rows tile by tile.
CK_INLINE void multiply_run(
    run part, int32_t rows, const void *weights, int decoded, const float *weight_scales, float *sums, int first) {
    const int32_t tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;
    for (int32_t tile = 0; tile < tiles; tile++) {
        const int32_t from = rows * tile / tiles, count = rows * (tile + 1) / tiles - from;
        run own = part;
        own.values += from * part.stride;
        own.scale += from * part.stride;
        own.offset += from * part.stride;
        quantised_rows(count, own, weights, decoded, weight_scales, sums + from * CK_PANEL, first);
    }
}

static void int8_panel(
    const ck_matrix *matrix, const char *x, ptrdiff_t ldx, int32_t rows, const char *panel, float *sums) {
    const int32_t k = matrix->k, group = matrix->group;
    const char *values = x + value_offset(k, group);
    for (int32_t g = 0, start = 0; start < k; g++, start += group) {
        const int32_t steps = (ck_min(group, k - start) + DEPTH_STEP - 1) / DEPTH_STEP;
        const char *weights = panel + (size_t)start * CK_PANEL;
        run part = {values + (size_t)start * sizeof(value_t), x + 4 * g, x + scale_bytes(k, group) + 4 * g, ldx, steps};
#if WIDENS
        if (rows >= WIDEN_ROWS) {
            _Alignas(64) weight_t wide[CK_MAX_GROUP * CK_PANEL];
            decode_int8(weights, steps, wide);
            multiply_run(part, rows, wide, 1, NULL, sums, g == 0);
            continue;
        }
#endif
        multiply_run(part, rows, weights, 0, NULL, sums, g == 0);
    }
}

static void nf4_panel(
    const ck_matrix *matrix, const char *x, ptrdiff_t ldx, int32_t rows, const char *panel, float *sums) {
    const int32_t k = matrix->k, group = matrix->group;
    const char *values = x + value_offset(k, group);
    _Alignas(64) weight_t weights[CK_NF4_BLOCK * CK_PANEL];
    for (int32_t block = 0, start = 0; start < k; block++, start += CK_NF4_BLOCK) {
        const float *scales = (const float *)(panel + (size_t)block * NF4_BLOCK_BYTES);
        decode_nf4((const uint8_t *)(scales + CK_PANEL), weights);
        run part = {
            values + (size_t)start * sizeof(value_t), x + 4 * (start / group), x + 2 * scale_bytes(k, group) + 4 * block,
            ldx, CK_NF4_BLOCK / DEPTH_STEP};
        multiply_run(part, rows, weights, 1, scales, sums, block == 0);
    }
}

static void quantised_gemm(
    const ck_matrix *matrix, const void *x, ptrdiff_t ldx, float *y, ptrdiff_t ldy, int32_t first_row,
    int32_t last_row, int32_t first_panel, int32_t last_panel, int32_t flags) {
    const size_t stride = panel_bytes(matrix->format, matrix->k, matrix->group);
    _Alignas(64) float sums[CHUNK_ROWS * CK_PANEL];
    for (int32_t row = first_row; row < last_row; row += CHUNK_ROWS) {
        const int32_t rows = ck_min(CHUNK_ROWS, last_row - row);
        const char *values = (const char *)x + row * ldx;
        for (int32_t panel = first_panel; panel < last_panel; panel++) {
            const char *weights = (const char *)matrix->data + (size_t)panel * stride;
            const int32_t out = panel * CK_PANEL;
            const float *scales = NULL;
            if (matrix->format == CK_INT8) {
                int8_panel(matrix, values, ldx, rows, weights, sums);
                scales = (const float *)(weights + int8_weight_bytes(matrix->k));
            } else {
                nf4_panel(matrix, values, ldx, rows, weights, sums);
            }
            for (int32_t r = 0; r < rows; r++) {
                store_row(
                    y + (row + r) * ldy + out, sums + r * CK_PANEL, scales, ck_min(CK_PANEL, matrix->n - out), flags);
            }
        }
    }
}

static void gemm(
    const ck_matrix *matrix, const void *x, ptrdiff_t ldx, float *y, ptrdiff_t ldy, int32_t first_row,
    int32_t last_row, int32_t first_panel, int32_t last_panel, int32_t flags) {
    if (matrix->format == CK_INT8 || matrix->format == CK_NF4)
        quantised_gemm(matrix, x, ldx, y, ldy, first_row, last_row, first_panel, last_panel, flags);
#ifdef BF16_GEMM
    else if (matrix->format == CK_BF16)
        BF16_GEMM(matrix, x, ldx, y, ldy, first_row, last_row, first_panel, last_panel, flags);
#endif
    else float_gemm(matrix, x, ldx, y, ldy, first_row, last_row, first_panel, last_panel, flags);
}
