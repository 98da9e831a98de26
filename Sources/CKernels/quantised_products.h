// Products of quantised activations with int8 and NF4 weights, for every SIMD level. Included behind
// `float_products.h` and `row_steps.h`. The level also defines:
//   DEPTH_STEP: inputs that one multiply instruction sums (2 or 4); panels are laid out
//   [k / DEPTH_STEP][16][DEPTH_STEP];
//   WEIGHT_ZERO, weight_byte_t: each int8 weight is held plus WEIGHT_ZERO as a weight_byte_t;
//   CHAINED: whether steps are multiplied in chains (see `internal.h`);
//   QUANTISED_PANELS: panels of a register tile;
//   weight_t: type of a decoded weight; CODE_LIMIT: the largest NF4 value;
//   quantised_rows(...), declared below;
//   decode_nf4(...): a block of codes to weights; pack_codes(...): the order of codes that it reads.
//
// Layout of a panel. CK_INT8: weights as bytes, filled up with zeros to DEPTH_STEP inputs (or to a chain), then from the
// next multiple of 64 bytes 16 scales. CK_NF4: for each block of 64 inputs 16 scales, then 512 bytes of codes.
// CHAINED: behind the scales 16 starts (int32) for each group; behind a block's codes 16 sums of its weights (int16) and
// the 16 values of its codes (int8), filled up to 64 bytes. A start takes back what activations are held too high.

enum {
    NF4_CODE_BYTES = CK_PANEL * CK_NF4_BLOCK / 2,
    NF4_BLOCK_BYTES = CK_PANEL * 4 + NF4_CODE_BYTES + (CHAINED ? 64 : 0),
    /// Inputs that weights are filled up to.
    FILLED_INPUTS = CHAINED ? CK_CHAIN_INPUTS : DEPTH_STEP,
};

CK_INLINE size_t int8_weight_bytes(int32_t k) {
    return ck_round_up(CK_PANEL * ck_round_up((size_t)k, FILLED_INPUTS), 64);
}

/// Bytes of an int8 panel behind its weights.
CK_INLINE size_t int8_scale_bytes(int32_t k, int32_t group) {
    return CK_PANEL * 4 * (1 + (CHAINED ? (size_t)ck_groups(k, ck_min(group, k)) : 0));
}

static size_t panel_bytes(int32_t format, int32_t k, int32_t group) {
    switch (format) {
    case CK_F32:
    case CK_BF16: return float_panel_bytes(format, k);
    case CK_INT8: return int8_weight_bytes(k) + int8_scale_bytes(k, group);
    default: return (size_t)(k / CK_NF4_BLOCK) * NF4_BLOCK_BYTES;
    }
}

// MARK: Packing

static ck_status pack_int8_panel(
    int32_t k, int32_t group, int32_t count, const float *rows, ptrdiff_t ldrows, void *target) {
    weight_byte_t *weights = target;
    float *scales = (float *)((char *)target + int8_weight_bytes(k));
    int32_t *starts = (int32_t *)(scales + CK_PANEL);
    memset(target, WEIGHT_ZERO, int8_weight_bytes(k));
    memset(scales, 0, int8_scale_bytes(k, group));
    for (int32_t j = 0; j < count; j++) {
        const float *row = rows + j * ldrows;
        int32_t largest = 0;
        for (int32_t i = 0; i < k; i++) largest = ck_max(largest, (int32_t)ck_magnitude(row[i]));
        if (largest >= CK_INFINITY_BITS) return CK_NOT_FINITE;
        float inverse;
        ck_scale((uint32_t)largest, 127, &scales[j], &inverse);
        if (CHAINED) ck_chain_scale(row, k, &scales[j], &inverse);
        for (int32_t i = 0; i < k; i += DEPTH_STEP) {
            weight_byte_t *step = weights + ((size_t)(i / DEPTH_STEP) * CK_PANEL + j) * DEPTH_STEP;
            int32_t sum = 0;
            for (int32_t e = 0; e < DEPTH_STEP && i + e < k; e++) {
                const int32_t weight = ck_quantise(row[i + e], inverse);
                step[e] = (weight_byte_t)(weight + WEIGHT_ZERO);
                sum += weight;
            }
            if (CHAINED) starts[i / group * CK_PANEL + j] -= CK_LIMIT_CHAIN * sum;
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
    case CK_INT8: return pack_int8_panel(matrix->k, matrix->group, count, rows, ldrows, target);
    default: return CK_UNSUPPORTED;
    }
}

/// The chained part of a block: the weights' sums and what each code stands for.
CK_UNUSED static void pack_code_values(uint8_t codes[CK_PANEL][CK_NF4_BLOCK], int32_t multiplier, char *target) {
    int16_t *sums = (int16_t *)target;
    int8_t *values = (int8_t *)(sums + CK_PANEL);
    memset(target, 0, 64);
    for (int32_t code = 0; code < 16; code++)
        values[code] = (int8_t)ck_quantise(ck_nf4_codes[code], (float)multiplier);
    for (int32_t j = 0; j < CK_PANEL; j++) {
        for (int32_t i = 0; i < CK_NF4_BLOCK; i++) sums[j] = (int16_t)(sums[j] + values[codes[j][i]]);
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
        for (int32_t j = 0; j < count; j++) {
            const size_t index = (size_t)j * blocks + block;
            if (ck_magnitude(scales[index]) >= CK_INFINITY_BITS) return CK_NOT_FINITE;
            for (int32_t i = 0; i < CK_NF4_BLOCK / 2; i++) {
                const uint8_t pair = codes[index * CK_NF4_BLOCK / 2 + i];
                unpacked[j][2 * i] = pair >> 4;
                unpacked[j][2 * i + 1] = pair & 15;
            }
        }
        const int32_t limit = CHAINED ? ck_chain_multiplier(unpacked) : CODE_LIMIT;
        for (int32_t j = 0; j < CK_PANEL; j++)
            packed[j] = j < count ? scales[(size_t)j * blocks + block] / (float)limit : 0;
        pack_codes(unpacked, (uint8_t *)(packed + CK_PANEL));
        if (CHAINED) pack_code_values(unpacked, limit, (char *)(packed + CK_PANEL) + NF4_CODE_BYTES);
    }
    return CK_OK;
}

// MARK: Products

/// The products of one panel, or QUANTISED_PANELS, over a run of inputs, which falls into units that share all scales:
/// groups of activations, or blocks of NF4 weights.
typedef struct run {
    /// Row 0's values, scale and (SUMS) offset of the sum at the run's start. A scale serves `scale_units` units.
    const char *values, *scales, *offsets;
    /// Bytes from row to row of all three.
    ptrdiff_t stride;
    /// Weights in the form that products read, and their scales by unit (NF4).
    const char *weights, *weight_scales;
    /// Bytes from panel to panel of both.
    size_t weight_stride, scale_stride;
    /// CHAINED: 16 starts of sums by unit.
    const int32_t *starts;
    int32_t units, scale_units;
    /// Inputs over DEPTH_STEP, of a unit and of the last unit.
    int32_t steps, last_steps;
} run;

enum {
    /// Sums of a row: those of each panel of a tile.
    SUMS_STRIDE = QUANTISED_PANELS * CK_PANEL,
};
_Static_assert(!CHAINED || QUANTISED_PANELS == 1, "a run has the starts of one panel");

CK_INLINE int32_t unit_steps(const run *part, int32_t unit) {
    return unit + 1 < part->units ? part->steps : part->last_steps;
}

CK_INLINE const char *unit_scale(const run *part, int32_t unit) {
    return part->scales + 4 * (unit / part->scale_units);
}

CK_INLINE const float *unit_weight_scales(const run *part, int32_t unit) {
    return (const float *)(part->weight_scales + (size_t)unit * NF4_BLOCK_BYTES);
}

/// Up to TILE_ROWS rows over one run: exact integer sums of each unit, scaled once and added to `sums` in order.
/// `panels`: 1 or QUANTISED_PANELS; `decoded`: NF4.
static void quantised_rows(int rows, int panels, run part, int decoded, float *sums);

/// All rows, tile by tile.
CK_INLINE void multiply_run(run part, int32_t rows, int32_t panels, int decoded, float *sums) {
    const int32_t tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;
    for (int32_t tile = 0; tile < tiles; tile++) {
        const int32_t from = rows * tile / tiles, count = rows * (tile + 1) / tiles - from;
        run own = part;
        own.values += from * part.stride;
        own.scales += from * part.stride;
        own.offsets += from * part.stride;
        quantised_rows(count, panels, own, decoded, sums + from * SUMS_STRIDE);
    }
}

static void int8_panels(
    const ck_matrix *matrix, const char *x, ptrdiff_t ldx, int32_t rows, int32_t panels, const char *panel,
    float *sums) {
    const int32_t k = matrix->k, group = ck_min(matrix->group, k), groups = ck_groups(k, group);
    const int32_t last = k - (groups - 1) * group;
    const int32_t *starts = (const int32_t *)(panel + int8_weight_bytes(k)) + CK_PANEL;
    const run all = {
        x + value_offset(k, group), x, x + scale_bytes(k, group), ldx, panel, panel,
        panel_bytes(CK_INT8, k, group), 0, starts, groups, 1, (group + DEPTH_STEP - 1) / DEPTH_STEP,
        (last + DEPTH_STEP - 1) / DEPTH_STEP};
    multiply_run(all, rows, panels, 0, sums);
}

/// Blocks that are decoded at a time: at most 16 KiB of weights, which the caches keep near for all tiles. Each run of
/// blocks starts its tiles anew, so longer runs are faster: 16 blocks by 5 % over 4 (measured on Zen 3).
enum { DECODED_BLOCKS = 16 / QUANTISED_PANELS, DECODED_BYTES = DECODED_BLOCKS * CK_NF4_BLOCK * CK_PANEL };

static void nf4_panels(
    const ck_matrix *matrix, const char *x, ptrdiff_t ldx, int32_t rows, int32_t panels, const char *panel,
    float *sums) {
    const int32_t k = matrix->k, group = matrix->group, blocks = k / CK_NF4_BLOCK;
    const int32_t group_blocks = group / CK_NF4_BLOCK, steps = CK_NF4_BLOCK / DEPTH_STEP;
    const size_t stride = panel_bytes(CK_NF4, k, group);
    _Alignas(64) weight_t weights[QUANTISED_PANELS * DECODED_BYTES];
    _Alignas(64) int32_t starts[CHAINED ? DECODED_BLOCKS * CK_PANEL : 1];
    for (int32_t block = 0, units; block < blocks; block += units) {
        // A run ends where a group does, so that its first unit starts a scale.
        const int32_t rest = group_blocks - block % group_blocks, whole = DECODED_BLOCKS / group_blocks * group_blocks;
        units = ck_min(blocks - block, whole > 0 ? whole : ck_min(rest, DECODED_BLOCKS));
        const char *packed = panel + (size_t)block * NF4_BLOCK_BYTES;
        for (int32_t p = 0; p < panels; p++) {
            const uint8_t *codes = (const uint8_t *)packed + (size_t)p * stride + CK_PANEL * 4;
            for (int32_t unit = 0; unit < units; unit++, codes += NF4_BLOCK_BYTES) {
                decode_nf4(codes, weights + p * DECODED_BYTES + unit * CK_NF4_BLOCK * CK_PANEL);
                for (int32_t j = 0; CHAINED && j < CK_PANEL; j++)
                    starts[unit * CK_PANEL + j] = -CK_LIMIT_CHAIN * ((const int16_t *)(codes + NF4_CODE_BYTES))[j];
            }
        }
        const run part = {
            x + value_offset(k, group) + (size_t)block * CK_NF4_BLOCK * sizeof(value_t), x + 4 * (block / group_blocks),
            x + 2 * scale_bytes(k, group) + 4 * (size_t)block, ldx, (const char *)weights, packed, DECODED_BYTES,
            stride, starts, units, group_blocks, steps, steps};
        multiply_run(part, rows, panels, 1, sums);
    }
}

static void quantised_gemm(
    const ck_matrix *matrix, const void *x, ptrdiff_t ldx, float *y, ptrdiff_t ldy, int32_t first_row,
    int32_t last_row, int32_t first_panel, int32_t last_panel, int32_t flags) {
    const size_t stride = panel_bytes(matrix->format, matrix->k, matrix->group);
    _Alignas(64) float sums[CHUNK_ROWS * SUMS_STRIDE];
    for (int32_t row = first_row; row < last_row; row += CHUNK_ROWS) {
        const int32_t rows = ck_min(CHUNK_ROWS, last_row - row);
        const char *values = (const char *)x + row * ldx;
        for (int32_t panel = first_panel, panels; panel < last_panel; panel += panels) {
            panels = panel + QUANTISED_PANELS <= last_panel ? QUANTISED_PANELS : 1;
            const char *weights = (const char *)matrix->data + (size_t)panel * stride;
            memset(sums, 0, (size_t)rows * SUMS_STRIDE * sizeof *sums);
            if (matrix->format == CK_INT8) int8_panels(matrix, values, ldx, rows, panels, weights, sums);
            else nf4_panels(matrix, values, ldx, rows, panels, weights, sums);
            for (int32_t p = 0; p < panels; p++) {
                const int32_t out = (panel + p) * CK_PANEL, count = ck_min(CK_PANEL, matrix->n - out);
                const char *scales = weights + (size_t)p * stride + int8_weight_bytes(matrix->k);
                for (int32_t r = 0; r < rows; r++)
                    store_row(
                        y + (row + r) * ldy + out, sums + r * SUMS_STRIDE + p * CK_PANEL,
                        matrix->format == CK_INT8 ? (const float *)scales : NULL, count, flags);
            }
        }
    }
}

static void gemm(
    const ck_matrix *matrix, const void *x, ptrdiff_t ldx, float *y, ptrdiff_t ldy, int32_t first_row,
    int32_t last_row, int32_t first_panel, int32_t last_panel, int32_t flags) {
    if (matrix->format == CK_INT8 || matrix->format == CK_NF4)
        quantised_gemm(matrix, x, ldx, y, ldy, first_row, last_row, first_panel, last_panel, flags);
    else float_gemm(matrix, x, ldx, y, ldy, first_row, last_row, first_panel, last_panel, flags);
}
