#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "ck_pause.h"
#include "ck_processor.h"

#if defined(__clang__)
#define CK_NULLABLE _Nullable
#pragma clang assume_nonnull begin
#else
#define CK_NULLABLE
#endif

// SIMD kernels of a decoder's forward pass, one table of functions for each instruction-set level.
//
// Conventions. Matrices are row-major. `ld...` is the distance from one row to the next, in elements for f32 and in
// bytes for prepared rows and packed weights. Nothing is allocated and no state is kept: every function may run on any
// number of threads at once. Buffers of packed weights and of prepared rows (except f32) start on 64 bytes.
//
// Order. Each row of a result is computed by itself, in an order that depends on its length alone: the same bits
// whatever other rows, panels, tiles or threads are in the call. Levels may differ from one another by rounding.
//
// Not-a-number and infinite activations never trap and never touch other rows; their own row comes out as NaN or
// infinite.

// MARK: Formats

/// How weights, and the activations beside them, are held.
typedef enum ck_format {
    /// f32 weights and activations. Each sum runs over the inputs in order, one fused multiply-add an input.
    CK_F32 = 0,
    /// Both rounded to bf16 (nearest, ties to even), f32 sums.
    CK_BF16 = 1,
    /// int8 weights in -127...127 with a scale for each output; integer activations with a scale for each row and
    /// group of inputs. Sums inside a group are exact integers. How fine both are is the level's: `activation_limit`.
    CK_INT8 = 2,
    /// 4-bit NF4 codes (Dettmers et al. 2023, the code book of bitsandbytes) with a scale for each 64 inputs;
    /// activations as for `CK_INT8`: rows prepared for one serve the other.
    CK_NF4 = 3,
} ck_format;

enum {
    /// Outputs (rows of the weight matrix) in a panel, the unit that weights are packed and multiplied in.
    CK_PANEL = 16,
    /// Inputs that share a scale in NF4.
    CK_NF4_BLOCK = 64,
    /// Inputs that may share an activation scale at most: integer sums stay inside 32 bits.
    CK_MAX_GROUP = 1024,
    /// Inputs or outputs of a matrix at most: sizes in bytes stay far inside 63 bits.
    CK_MAX_SIDE = 1 << 24,
};

/// The format that decoded 4-bit weights are rounded to, in which they were before they were quantised.
typedef enum ck_rounding {
    CK_ROUND_F32 = 0,
    /// To nearest, ties to even, as `CK_ROUND_F16`.
    CK_ROUND_BF16 = 1,
    /// Beyond 65504 infinite.
    CK_ROUND_F16 = 2,
} ck_rounding;

/// What packing found.
typedef enum ck_status {
    CK_OK = 0,
    /// A weight or a scale is NaN or infinite (or, in bf16, too large for the format).
    CK_NOT_FINITE = 1,
    /// The format cannot hold this shape, or is not packed by this function.
    CK_UNSUPPORTED = 2,
} ck_status;

/// A packed weight matrix W of shape [n, k]; products compute y = x W^T.
typedef struct ck_matrix {
    /// `ck_panels(n)` panels of `panel_bytes` bytes each. The layout belongs to the level that packed them.
    const void *data;
    /// A `ck_format`.
    int32_t format;
    /// Outputs.
    int32_t n;
    /// Inputs.
    int32_t k;
    /// Inputs that share an activation scale (`CK_INT8`, `CK_NF4`); the last group may be shorter.
    int32_t group;
} ck_matrix;

/// A narrow product that is added to another's results: a low-rank update of its matrix (LoRA's B).
typedef struct ck_update {
    /// CK_INT8, with the outputs of the matrix that it updates, and one group.
    ck_matrix matrix;
    /// Row 0 of the prepared rows that it multiplies, `ldx` bytes apart.
    const void *x;
    ptrdiff_t ldx;
} ck_update;

/// Panels of a matrix with `n` outputs: n / 16, rounded up.
int32_t ck_panels(int32_t n);

/// Whether `format` can hold [n, k] with activation groups of `group` inputs: 1 or 0.
///
/// All: 1 <= n, k <= CK_MAX_SIDE. CK_INT8: 1 <= group <= CK_MAX_GROUP, and a multiple of 32 unless one group spans all
/// inputs. CK_NF4: k and group multiples of 64, group <= CK_MAX_GROUP. Others ignore `group`.
int32_t ck_supported(int32_t format, int32_t n, int32_t k, int32_t group);

// MARK: Attention

/// Grouped-query attention over rows that may hold several messages.
typedef struct ck_attention {
    /// Queries: row i, head h at q + i * ldq + h * head_dim.
    const float *q;
    /// Keys and values: row i, KV head g at k + i * ldk + g * head_dim.
    const float *k;
    const float *v;
    /// Result, laid out as q.
    float *out;
    ptrdiff_t ldq, ldk, ldv, ldo;
    /// Query heads; a multiple of kv_heads. Query head h reads KV head h / (heads / kv_heads).
    int32_t heads, kv_heads;
    /// Elements of a head; any positive number.
    int32_t head_dim;
    /// Factor of the scores, usually head_dim^-1/2.
    float scale;
    /// Not 0: row i sees rows j <= i only.
    int32_t causal;
    /// Row i sees rows with |i - j| < window only; 0 for no limit.
    int32_t window;
} ck_attention;

/// Bytes of working memory that `attention` needs for messages of at most `rows` rows.
size_t ck_attention_workspace(int32_t rows, int32_t head_dim);

// MARK: Flags

enum {
    /// RMSNorm multiplies by 1 + w (Gemma) and not by w.
    CK_NORM_UNIT_OFFSET = 1,
    /// `gemm` adds to y and does not overwrite it.
    CK_GEMM_ADD = 1,
};

/// The activation of a gated feed-forward block.
typedef enum ck_gate {
    /// GELU in its tanh form: 0.5 g (1 + tanh(sqrt(2 / pi) (g + 0.044715 g^3))) (Gemma).
    CK_GEGLU_TANH = 0,
    /// SiLU: g / (1 + exp(-g)) (Llama).
    CK_SWIGLU = 1,
} ck_gate;

// MARK: The table

/// The kernels of one level.
typedef struct ck_kernels {
    /// E.g. "avx2".
    const char *name;
    /// Largest magnitude of a quantised activation: 127 where the level adds products of bytes in 32 bits, 80 where it
    /// first adds chains of them in 16 bits (AVX2), 8191 for the generic level, to which finer steps cost nothing.
    int32_t activation_limit;

    // Decoding, merging and packing, once at load.

    /// Decodes elements [first, first + count) of a weight in the 4-bit layout of bitsandbytes: element i is
    /// codebook[code i] * scales[i / block], rounded to a `ck_rounding`: the same bits at every level.
    ///
    /// `codes`, `scales`: of the whole weight; code i is in byte i / 2, in the high nibble if i is even. `codebook`: 16
    /// values. `block`: a power of two from 32 on. `target`: `count` floats.
    void (*decode_four_bit)(
        const uint8_t *codes, const float *codebook, const float *scales, int32_t block, int32_t rounding,
        ptrdiff_t first, ptrdiff_t count, float *target);
    /// w += scale * B A: a low-rank update (LoRA) of rows of a weight. For each element the products over the rank are
    /// summed in order, scaled and added, every step rounded by itself: the same bits at every level.
    ///
    /// `a`: [rank, width]; `b`: [rows, rank]; `w`: rows of `width` elements, `ldw` apart.
    void (*add_low_rank)(
        const float *a, const float *b, int32_t rank, float scale, float *w, ptrdiff_t ldw, int32_t width,
        int32_t rows);
    /// Bytes of one packed panel with k inputs; a multiple of 64.
    size_t (*panel_bytes)(int32_t format, int32_t k, int32_t group);
    /// Packs panel `panel` from f32 rows.
    ///
    /// `rows` holds the panel's outputs: min(16, n - 16 panel) rows of k elements, `ldrows` apart. `target` is
    /// `panel_bytes` bytes, all of which are written. CK_INT8 rounds w / scale to the nearest integer with
    /// scale = max |w| / 127 of the output; a row whose largest magnitude is below 2^-100 is held as zeros. Where the
    /// level adds in chains, the scale is so much larger that in each run of 32 inputs the positive integers of inputs
    /// with i % 4 < 2 add up to 32767 / (2 activation_limit) at most, and so do the negative ones, and those of the
    /// other inputs: then no sum leaves 16 bits, whatever the activations. CK_NF4 is CK_UNSUPPORTED here.
    /// `matrix->data` is not read.
    ck_status (*pack_panel)(
        const ck_matrix *matrix, int32_t panel, const float *rows, ptrdiff_t ldrows, void *target);
    /// Packs panel `panel` of a CK_NF4 matrix from the codes and scales of bitsandbytes.
    ///
    /// `codes`: two a byte, high nibble first, row after row, starting with the panel's first output. `scales`: one
    /// for each 64 codes in the same order. Products take the code book times 4095 (generic) or 127, rounded; in chains
    /// times what fits, for each 64 inputs of a panel.
    ck_status (*pack_panel_nf4)(
        const ck_matrix *matrix, int32_t panel, const uint8_t *codes, const float *scales, void *target);

    // Activations in the form that products read.

    /// Bytes of one prepared row of k inputs; a multiple of 64.
    size_t (*row_bytes)(int32_t format, int32_t k, int32_t group);
    /// Prepares rows x of k elements. CK_F32 copies.
    ///
    /// CK_INT8 and CK_NF4: scale = max |x| / activation_limit of the group, q = x / scale rounded to the nearest
    /// integer; a group whose largest magnitude is below 2^-100 is held as zeros.
    void (*prepare)(
        int32_t format, int32_t k, int32_t group, const float *x, ptrdiff_t ldx, void *target, ptrdiff_t ldtarget,
        int32_t rows);
    /// `rmsnorm` followed by `prepare`, in one pass; the same bits as the two calls.
    void (*rmsnorm_prepare)(
        int32_t format, int32_t group, const float *x, ptrdiff_t ldx, const float *weight, int32_t width,
        float epsilon, int32_t flags, void *target, ptrdiff_t ldtarget, int32_t rows);
    /// `gated` followed by `prepare`, in one pass, of elements [first, last) of rows of `width`, which start where
    /// `gate` and `up` point; the same bits as the two calls. `first` is a multiple of `group`, `last` too or `width`.
    void (*gated_prepare)(
        int32_t format, int32_t group, int32_t gate_kind, const float *gate, ptrdiff_t ldgate, const float *up,
        ptrdiff_t ldup, int32_t width, int32_t first, int32_t last, void *target, ptrdiff_t ldtarget, int32_t rows);

    // Row-wise steps in f32. Source and target may be the same rows.

    /// y = x / sqrt(mean(x^2) + epsilon) * weight over rows of `width` elements (Zhang & Sennrich 2019).
    void (*rmsnorm)(
        const float *x, ptrdiff_t ldx, const float *weight, int32_t width, float epsilon, int32_t flags, float *y,
        ptrdiff_t ldy, int32_t rows);
    /// x += y.
    void (*add)(float *x, ptrdiff_t ldx, const float *y, ptrdiff_t ldy, int32_t width, int32_t rows);
    /// x += rmsnorm(y).
    void (*add_rmsnorm)(
        float *x, ptrdiff_t ldx, const float *y, ptrdiff_t ldy, const float *weight, int32_t width, float epsilon,
        int32_t flags, int32_t rows);
    /// y = act(gate) * up; `gate_kind` is a `ck_gate`.
    void (*gated)(
        int32_t gate_kind, const float *gate, ptrdiff_t ldgate, const float *up, ptrdiff_t ldup, int32_t width,
        float *y, ptrdiff_t ldy, int32_t rows);
    /// Rotary position embedding in place (Su et al. 2021; the halves layout of transformers): elements i and
    /// i + head_dim / 2 of each head turn by angle i of the row's position. head_dim is even.
    ///
    /// `cosines`, `sines`: [positions, head_dim / 2]. `positions`: one a row.
    void (*rope)(
        float *x, ptrdiff_t ldx, int32_t heads, int32_t head_dim, const float *cosines, const float *sines,
        const int32_t *positions, int32_t rows);

    // Attention and products.

    /// Softmax attention of query rows [first_row, last_row) of the message in rows [start, end), for the query heads
    /// that share `kv_head`. `workspace`: `ck_attention_workspace(end - start, head_dim)` bytes, 64-byte aligned.
    void (*attention)(
        const ck_attention *arguments, int32_t start, int32_t end, int32_t kv_head, int32_t first_row,
        int32_t last_row, void *workspace);
    /// y = x W^T for rows [first_row, last_row) and the outputs of panels [first_panel, last_panel).
    ///
    /// `x` and `y` point at row 0; `ldx` is in bytes. x was prepared by the same level for `matrix`'s k, group and
    /// format (CK_F32: plain rows with any stride). `flags`: `CK_GEMM_ADD`. `update`: what is added on top, with the bits
    /// of another call with CK_GEMM_ADD; NULL for nothing.
    void (*gemm)(
        const ck_matrix *matrix, const void *x, ptrdiff_t ldx, float *y, ptrdiff_t ldy, int32_t first_row,
        int32_t last_row, int32_t first_panel, int32_t last_panel, int32_t flags,
        const ck_update *CK_NULLABLE update);
} ck_kernels;

// MARK: Levels

/// Instruction-set levels, worst first within a processor family.
typedef enum ck_level {
    /// Plain C: the twin that every other level is tested against.
    CK_LEVEL_GENERIC = 0,
    /// AVX2, FMA, F16C.
    CK_LEVEL_AVX2 = 1,
    /// AVX-512 F, BW, VL, DQ and VNNI.
    CK_LEVEL_AVX512VNNI = 2,
    /// The same and AVX512-BF16.
    CK_LEVEL_AVX512BF16 = 3,
    /// AArch64 with dot products (ARMv8.2-DotProd).
    CK_LEVEL_NEON = 4,
    CK_LEVEL_COUNT = 5,
} ck_level;

/// The level's name: "generic", "avx2", "avx512vnni", "avx512bf16", "neon"; NULL outside the enumeration.
const char *CK_NULLABLE ck_level_name(ck_level level);

/// Whether this build holds the level and this processor and operating system can run it: 1 or 0.
int32_t ck_level_available(ck_level level);

/// The kernels of the level called `name`, or of the best available level if `name` is NULL.
/// NULL if there is no such level or it is not available. Two more names select twins, which show on any processor what
/// other levels' integers do to answers: "generic-bytes" (AVX-512, NEON) and "generic-chains" (AVX2).
const ck_kernels *CK_NULLABLE ck_select(const char *CK_NULLABLE name);

/// The plain twin of a level: generic code that quantises activations and weights in the level's steps.
const ck_kernels *ck_twin(const ck_kernels *kernels);

#if defined(__clang__)
#pragma clang assume_nonnull end
#endif

#endif
