// Panels of int8 and NF4 weights, for every SIMD level: their layout, and packing. Included by `quantised_products.h`.
//
// Layout of a panel. CK_INT8: weights as bytes, filled up with zeros to DEPTH_STEP inputs (or to a chain), then from
// the next multiple of 64 bytes 16 scales. CK_NF4: for each block of 64 inputs 16 scales, then 512 bytes of codes.
// CHAINED: behind the scales 16 starts (int32) for each group; behind a block's codes 16 sums of its weights (int16)
// and the 16 values of its codes (int8), filled up to 64 bytes. A start takes back what activations are held too high.

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

/// `inverse` is 0 for finite weights that are held as zeros.
CK_INLINE void quantise_weights(const float *row, int32_t count, float inverse, weight_byte_t *bytes) {
    for (int32_t i = 0; i < count; i++)
        bytes[i] = (weight_byte_t)((int32_t)__builtin_rintf(row[i] * inverse) + WEIGHT_ZERO);
}

_Static_assert(DEPTH_STEP == 4, "a step of an output's weights is an element that `turn_rows` moves");

static ck_status pack_int8_panel(
    int32_t k, int32_t group, int32_t count, const float *rows, ptrdiff_t ldrows, void *target) {
    weight_byte_t *weights = target;
    float *scales = (float *)((char *)target + int8_weight_bytes(k));
    int32_t *starts = (int32_t *)(scales + CK_PANEL);
    float inverses[CK_PANEL];
    memset(scales, 0, int8_scale_bytes(k, group));
    for (int32_t j = 0; j < count; j++) {
        const float *row = rows + j * ldrows;
        int32_t largest = 0;
        for (int32_t i = 0; i < k; i++) largest = ck_max(largest, (int32_t)ck_magnitude(row[i]));
        if (largest >= CK_INFINITY_BITS) return CK_NOT_FINITE;
        ck_scale((uint32_t)largest, 127, &scales[j], &inverses[j]);
        if (CHAINED) ck_chain_scale(row, k, &scales[j], &inverses[j]);
    }
    // Steps are elements of 4 bytes.
    union {
        weight_byte_t bytes[CK_PANEL][TURNED_ELEMENTS * DEPTH_STEP];
        float steps[CK_PANEL][TURNED_ELEMENTS];
    } turned;
    const int32_t filled = (int32_t)ck_round_up((size_t)k, FILLED_INPUTS);
    for (int32_t start = 0; start < filled; start += TURNED_ELEMENTS * DEPTH_STEP) {
        const int32_t inputs = ck_min(TURNED_ELEMENTS * DEPTH_STEP, k - start);
        const int32_t steps = ck_min(TURNED_ELEMENTS * DEPTH_STEP, filled - start) / DEPTH_STEP;
        if (start == 0 || inputs < TURNED_ELEMENTS * DEPTH_STEP) memset(turned.bytes, WEIGHT_ZERO, sizeof turned.bytes);
        for (int32_t j = 0; j < count; j++) {
            quantise_weights(rows + j * ldrows + start, inputs, inverses[j], turned.bytes[j]);
            // In runs of inputs of one group.
            for (int32_t i = 0; CHAINED && i < inputs;) {
                const int32_t index = (start + i) / group, end = ck_min((index + 1) * group - start, inputs);
                int32_t sum = 0;
                for (; i < end; i++) sum += turned.bytes[j][i] - WEIGHT_ZERO;
                starts[index * CK_PANEL + j] -= CK_LIMIT_CHAIN * sum;
            }
        }
        turn_rows(
            turned.steps[0], TURNED_ELEMENTS, CK_PANEL, steps, (float *)weights + (size_t)(start / DEPTH_STEP) * CK_PANEL);
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
