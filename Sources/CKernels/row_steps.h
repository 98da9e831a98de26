// Row-wise steps and the preparation of activations, for every SIMD level. Included behind the level's vocabulary and
// `vector_math.h`. The level also defines:
//   ACTIVATION_LIMIT, value_t (type of a quantised value), SUMS (whether prepared rows hold sums of their values),
//   store_values(value_t *target, vi values): narrows and stores V_WIDTH values; with SUMS store_block(...), which does
//   that with 64 and adds them,
//   BF16_BYTES (bytes of a prepared bf16 value), store_bf16(void *target, vf values): rounds and stores V_WIDTH values.

// MARK: Layout of a quantised row: scales; with SUMS, values' sums by group and by block of 64; values
// A narrow row, of one group, fits one cache line and has no sums of blocks, which only NF4's products read.

enum { NARROW_INPUTS = 32 };

CK_INLINE size_t scale_bytes(int32_t k, int32_t group) {
    return k <= NARROW_INPUTS ? 16 : ck_round_up((size_t)ck_groups(k, group) * 4, 64);
}

CK_INLINE size_t sum_bytes(int32_t k) {
    return SUMS && k > NARROW_INPUTS ? ck_round_up((size_t)ck_groups(k, CK_NF4_BLOCK) * 4, 64) : 0;
}

/// Bytes in front of the values.
CK_INLINE size_t value_offset(int32_t k, int32_t group) {
    return SUMS ? 2 * scale_bytes(k, group) + sum_bytes(k) : scale_bytes(k, group);
}

/// A whole number of cache lines, of which a tile's rows do not all fall into the same sets of the first-level cache.
CK_INLINE size_t row_stride(size_t bytes) {
    const size_t lines = ck_round_up(bytes, 64);
    return lines % 1024 == 0 ? lines + 64 : lines;
}

static size_t row_bytes(int32_t format, int32_t k, int32_t group) {
    size_t inputs = (size_t)k;
    switch (format) {
    case CK_F32: return row_stride(inputs * 4);
    case CK_BF16: return row_stride(inputs * BF16_BYTES);
    default:
        return k <= NARROW_INPUTS ? 64 : value_offset(k, group) + ck_round_up(inputs * sizeof(value_t), 64);
    }
}

// MARK: Preparing

/// Quantises at most CK_NF4_BLOCK inputs. Fills up to a whole vector with zeros. Returns the values' sum with SUMS.
CK_INLINE int32_t quantise_block(const float *x, int32_t count, vf factor, value_t *target) {
#if SUMS
    if (count == CK_NF4_BLOCK) {
        vi values[CK_NF4_BLOCK / V_WIDTH];
        CK_UNROLL for (int i = 0; i < CK_NF4_BLOCK / V_WIDTH; i++)
            values[i] = v_round(v_mul(v_load(x + i * V_WIDTH), factor));
        return vi_sum(store_block(target, values));
    }
    vi sum = vi_zero();
#endif
    for (int32_t i = 0; i < count; i += V_WIDTH) {
        const vf part = i + V_WIDTH <= count ? v_load(x + i) : v_load_part(x + i, count - i);
        const vi values = v_round(v_mul(part, factor));
        store_values(target + i, values);
#if SUMS
        sum = vi_add(sum, values);
#endif
    }
#if SUMS
    return vi_sum(sum);
#else
    return 0;
#endif
}

/// Quantises one whole group, of which `x` is the first of `count` inputs.
CK_INLINE void quantise_group(
    int32_t k, int32_t group, const float *x, int32_t index, int32_t count, char *restrict target) {
    vi largest = vi_zero();
    int32_t i = 0;
    for (; i + V_WIDTH <= count; i += V_WIDTH) largest = vi_max(largest, v_magnitude(v_load(x + i)));
    if (i < count) largest = vi_max(largest, v_magnitude(v_load_part(x + i, count - i)));
    float scale, inverse;
    ck_scale(vi_largest(largest), ACTIVATION_LIMIT, &scale, &inverse);
    ((float *)target)[index] = scale;
    if (inverse == 0) {
        // Even NaN and infinity have to become 0. A jump and not a choice, so that no load waits for the scale.
        static const float zeros[CK_MAX_GROUP];
        x = zeros;
        CK_OPAQUE(x);
    }
    const int32_t start = index * group;
    value_t *values = (value_t *)(target + value_offset(k, group)) + start;
    int32_t total = 0;
    for (int32_t block = 0; block < count; block += CK_NF4_BLOCK) {
        const int32_t size = ck_min(CK_NF4_BLOCK, count - block);
        const int32_t sum = quantise_block(x + block, size, v_set1(inverse), values + block);
        total += sum;
#if SUMS
        if (k > NARROW_INPUTS)
            ((int32_t *)(target + 2 * scale_bytes(k, group)))[(start + block) / CK_NF4_BLOCK] = -128 * sum;
#endif
    }
#if SUMS
    ((int32_t *)(target + scale_bytes(k, group)))[index] = -128 * total;
#else
    (void)total;
#endif
}

/// Prepares `count` inputs from `start` on: whole groups where the format has groups.
CK_INLINE void prepare_part(
    int32_t format, int32_t k, int32_t group, const float *x, int32_t start, int32_t count, char *restrict target) {
    if (format == CK_F32) {
        memcpy((float *)target + start, x, (size_t)count * 4);
    } else if (format == CK_BF16) {
        char *values = target + (size_t)start * BF16_BYTES;
        int32_t i = 0;
        for (; i + V_WIDTH <= count; i += V_WIDTH) store_bf16(values + (size_t)i * BF16_BYTES, v_load(x + i));
        if (i < count) store_bf16(values + (size_t)i * BF16_BYTES, v_load_part(x + i, count - i));
    } else {
        int32_t index = start / group;
        for (int32_t i = 0; i < count; i += group, index++)
            quantise_group(k, group, x + i, index, ck_min(group, count - i), target);
    }
}

/// Elements that are computed before they are prepared: many groups, since the first of a group waits for its last.
enum { PART_SIZE = 2048 };
_Static_assert((int)CK_MAX_GROUP <= (int)PART_SIZE, "a part holds a group");

/// The same, in whole groups.
CK_INLINE int32_t part_size(int32_t format, int32_t group) {
    return format == CK_INT8 || format == CK_NF4 ? PART_SIZE / group * group : PART_SIZE;
}

static void prepare(
    int32_t format, int32_t k, int32_t group, const float *x, ptrdiff_t ldx, void *target, ptrdiff_t ldtarget,
    int32_t rows) {
    for (int32_t row = 0; row < rows; row++, x += ldx, target = (char *)target + ldtarget)
        prepare_part(format, k, group, x, 0, k, target);
}

// MARK: RMSNorm

/// 1 / sqrt(mean(x^2) + epsilon): squares in four vectors of lanes, then a fixed tree.
CK_INLINE float norm_scale(const float *x, int32_t width, float epsilon) {
    vf sums[4] = {v_zero(), v_zero(), v_zero(), v_zero()};
    int32_t i = 0;
    for (; i + 4 * V_WIDTH <= width; i += 4 * V_WIDTH) {
        CK_UNROLL for (int j = 0; j < 4; j++) {
            const vf part = v_load(x + i + j * V_WIDTH);
            sums[j] = v_fma(part, part, sums[j]);
        }
    }
    for (; i < width; i += V_WIDTH) {
        const vf part = v_load_part(x + i, ck_min(V_WIDTH, width - i));
        sums[0] = v_fma(part, part, sums[0]);
    }
    const vf sum = v_add(v_add(sums[0], sums[1]), v_add(sums[2], sums[3]));
    return 1 / sqrtf(v_sum(sum) / (float)width + epsilon);
}

CK_INLINE vf normalised(vf x, vf scale, vf weight, vf offset) {
    return v_mul(v_mul(x, scale), v_add(weight, offset));
}

/// Normalises `count` elements; x may be y.
CK_INLINE void normalise(const float *x, float scale, const float *weight, float offset, int32_t count, float *y) {
    vf factor = v_set1(scale), shift = v_set1(offset);
    int32_t i = 0;
    for (; i + V_WIDTH <= count; i += V_WIDTH)
        v_store(y + i, normalised(v_load(x + i), factor, v_load(weight + i), shift));
    if (i < count) {
        int32_t rest = count - i;
        vf value = normalised(v_load_part(x + i, rest), factor, v_load_part(weight + i, rest), shift);
        v_store_part(y + i, value, rest);
    }
}

/// -0 leaves every weight as it is, bit for bit.
CK_INLINE float norm_offset(int32_t flags) { return flags & CK_NORM_UNIT_OFFSET ? 1.0f : -0.0f; }

static void rmsnorm(
    const float *x, ptrdiff_t ldx, const float *weight, int32_t width, float epsilon, int32_t flags, float *y,
    ptrdiff_t ldy, int32_t rows) {
    for (int32_t row = 0; row < rows; row++, x += ldx, y += ldy)
        normalise(x, norm_scale(x, width, epsilon), weight, norm_offset(flags), width, y);
}

static void rmsnorm_prepare(
    int32_t format, int32_t group, const float *x, ptrdiff_t ldx, const float *weight, int32_t width, float epsilon,
    int32_t flags, void *target, ptrdiff_t ldtarget, int32_t rows) {
    _Alignas(64) float values[PART_SIZE];
    int32_t step = part_size(format, group);
    for (int32_t row = 0; row < rows; row++, x += ldx, target = (char *)target + ldtarget) {
        float scale = norm_scale(x, width, epsilon);
        for (int32_t start = 0; start < width; start += step) {
            int32_t count = ck_min(step, width - start);
            normalise(x + start, scale, weight + start, norm_offset(flags), count, values);
            prepare_part(format, width, group, values, start, count, target);
        }
    }
}

// MARK: Residual stream

static void add(float *x, ptrdiff_t ldx, const float *y, ptrdiff_t ldy, int32_t width, int32_t rows) {
    for (int32_t row = 0; row < rows; row++, x += ldx, y += ldy) {
        int32_t i = 0;
        for (; i + V_WIDTH <= width; i += V_WIDTH) v_store(x + i, v_add(v_load(x + i), v_load(y + i)));
        for (; i < width; i++) x[i] += y[i];
    }
}

static void add_rmsnorm(
    float *x, ptrdiff_t ldx, const float *y, ptrdiff_t ldy, const float *weight, int32_t width, float epsilon,
    int32_t flags, int32_t rows) {
    vf offset = v_set1(norm_offset(flags));
    for (int32_t row = 0; row < rows; row++, x += ldx, y += ldy) {
        vf scale = v_set1(norm_scale(y, width, epsilon));
        int32_t i = 0;
        for (; i + V_WIDTH <= width; i += V_WIDTH) {
            vf update = normalised(v_load(y + i), scale, v_load(weight + i), offset);
            v_store(x + i, v_add(v_load(x + i), update));
        }
        if (i < width) {
            int32_t rest = width - i;
            vf update = normalised(v_load_part(y + i, rest), scale, v_load_part(weight + i, rest), offset);
            v_store_part(x + i, v_add(v_load_part(x + i, rest), update), rest);
        }
    }
}

// MARK: Gates

/// `count` elements of act(gate) * up; y may be either.
CK_INLINE void gate_part(int32_t kind, const float *gate, const float *up, int32_t count, float *y) {
    int32_t i = 0;
    for (; i + V_WIDTH <= count; i += V_WIDTH)
        v_store(y + i, v_mul(v_activate(kind, v_load(gate + i)), v_load(up + i)));
    if (i < count) {
        int32_t rest = count - i;
        vf value = v_mul(v_activate(kind, v_load_part(gate + i, rest)), v_load_part(up + i, rest));
        v_store_part(y + i, value, rest);
    }
}

static void gated(
    int32_t kind, const float *gate, ptrdiff_t ldgate, const float *up, ptrdiff_t ldup, int32_t width, float *y,
    ptrdiff_t ldy, int32_t rows) {
    for (int32_t row = 0; row < rows; row++, gate += ldgate, up += ldup, y += ldy)
        gate_part(kind, gate, up, width, y);
}

static void gated_prepare(
    int32_t format, int32_t group, int32_t kind, const float *gate, ptrdiff_t ldgate, const float *up,
    ptrdiff_t ldup, int32_t width, int32_t first, int32_t last, void *target, ptrdiff_t ldtarget, int32_t rows) {
    _Alignas(64) float values[PART_SIZE];
    int32_t step = part_size(format, group);
    for (int32_t row = 0; row < rows; row++, gate += ldgate, up += ldup, target = (char *)target + ldtarget) {
        for (int32_t start = first; start < last; start += step) {
            int32_t count = ck_min(step, last - start);
            gate_part(kind, gate + start - first, up + start - first, count, values);
            prepare_part(format, width, group, values, start, count, target);
        }
    }
}

// MARK: Rotary embedding

static void rope(
    float *x, ptrdiff_t ldx, int32_t heads, int32_t head_dim, const float *cosines, const float *sines,
    const int32_t *positions, int32_t rows) {
    int32_t half = head_dim / 2;
    for (int32_t row = 0; row < rows; row++, x += ldx) {
        const float *c = cosines + (ptrdiff_t)positions[row] * half, *s = sines + (ptrdiff_t)positions[row] * half;
        for (int32_t head = 0; head < heads; head++) {
            float *first = x + (ptrdiff_t)head * head_dim, *second = first + half;
            int32_t i = 0;
            for (; i + V_WIDTH <= half; i += V_WIDTH) {
                vf a = v_load(first + i), b = v_load(second + i), cosine = v_load(c + i), sine = v_load(s + i);
                v_store(first + i, v_sub(v_mul(a, cosine), v_mul(b, sine)));
                v_store(second + i, v_add(v_mul(b, cosine), v_mul(a, sine)));
            }
            for (; i < half; i++) {
                float a = first[i], b = second[i];
                first[i] = a * c[i] - b * s[i];
                second[i] = b * c[i] + a * s[i];
            }
        }
    }
}
