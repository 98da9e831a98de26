// Weights in the 4-bit layout of bitsandbytes to floats, for every SIMD level. Included behind the level's vocabulary,
// which also defines code_table, load_table(...), and look_up(...): CODES_AT_ONCE codes in the order of their bytes, the
// high nibble first, to their values in a table.

enum { CODES_AT_ONCE = 16 };

/// The value of one code.
CK_INLINE float value_at(const float values[16], const uint8_t *codes, ptrdiff_t i) {
    return values[i % 2 == 0 ? codes[i / 2] >> 4 : codes[i / 2] & 15];
}

static void decode_four_bit(
    const uint8_t *codes, const float *codebook, const float *scales, int32_t block, int32_t rounding, ptrdiff_t first,
    ptrdiff_t count, float *target) {
    const ptrdiff_t last = first + count;
    for (ptrdiff_t i = first; i < last;) {
        // The 16 values of a block are rounded once each; every element is then a look-up.
        const ptrdiff_t index = i / block, end = (index + 1) * block < last ? (index + 1) * block : last;
        float values[16];
        ck_round_scaled(codebook, scales[index], rounding, values);
        if (i % 2 != 0) {
            target[i - first] = value_at(values, codes, i);
            i++;
        }
        const code_table table = load_table(values);
        for (; i + CODES_AT_ONCE <= end; i += CODES_AT_ONCE) look_up(table, codes + i / 2, target + i - first);
        for (; i < end; i++) target[i - first] = value_at(values, codes, i);
    }
}
