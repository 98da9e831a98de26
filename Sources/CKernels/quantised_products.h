// Products of quantised activations with int8 and NF4 weights, for every SIMD level. Included behind
// `float_products.h` and `row_steps.h`. The level also defines:
//   DEPTH_STEP: inputs that one multiply instruction sums, 4; panels are laid out
//   [k / DEPTH_STEP][16][DEPTH_STEP];
//   WEIGHT_ZERO, weight_byte_t: each int8 weight is held plus WEIGHT_ZERO as a weight_byte_t;
//   CHAINED: whether steps are multiplied in chains (see `internal.h`);
//   QUANTISED_PANELS, QUANTISED_ROWS: panels and rows of a register tile;
//   CODE_LIMIT: the largest NF4 value;
//   quantised_rows(...), declared below;
//   NF4_ROWS: rows of a tile of NF4 codes; pack_codes(...): the order of codes in a block;
//   DECODES_IN_TILES: 0, and decode_nf4(...) makes weights, of type weight_t, of a block of codes; or 1, and
//   nf4_panels(...), declared below, whose tiles also add a narrow product (FUSES_UPDATES).

#include "quantised_panels.h"

// MARK: Products

/// What a tile reads as weights. A constant in every tile.
typedef enum weight_form {
    INT8,
    /// NF4, decoded to memory.
    DECODED,
    /// NF4's codes, which the tile decodes (DECODES_IN_TILES); of one panel.
    CODES,
} weight_form;

/// A `ck_update` of the rows and panels at hand; x is NULL without one.
typedef struct narrow {
    /// Row 0, and bytes from row to row.
    const char *x;
    ptrdiff_t ldx;
    const char *panel;
    size_t panel_stride;
    int32_t k;
} narrow;

/// The products of one panel, or QUANTISED_PANELS, over a run of inputs, which falls into units that share all scales:
/// groups of activations, or blocks of NF4 weights.
typedef struct run {
    /// Row 0's values, scale and (SUMS) offset of the sum at the run's start. A scale serves `scale_units` units.
    const char *values, *scales, *offsets;
    /// Bytes from row to row of all three.
    ptrdiff_t stride;
    /// Weights in the form that products read, and their scales by unit (NF4).
    const char *weights, *weight_scales;
    /// Bytes from panel to panel of the weights, and of their scales.
    size_t weight_stride, weight_scale_stride;
    /// CHAINED: 16 starts of sums by unit.
    const int32_t *starts;
    int32_t units, scale_units;
    /// Inputs over DEPTH_STEP, of a unit and of the last unit.
    int32_t steps, last_steps;
    /// Whether the sums begin with the run: its first unit then writes them.
    int32_t first;
    /// Where row 0's finished sums go, each times its output's scale (CK_INT8); NULL: they stay in `sums`.
    float *y;
    /// Whether they are added to what is there.
    int32_t adds;
    /// Elements from row to row of y.
    ptrdiff_t ldy;
    const char *output_scales;
    /// Packed weights to fetch meanwhile, which are multiplied next: far enough ahead for any memory. For levels that
    /// do not fetch a fixed distance ahead (`ck_prefetch`).
    const char *ahead;
    size_t ahead_bytes;
    /// Bytes of them in one step, so that all steps of all tiles cover them.
    size_t ahead_step;
    /// What tiles add to their results (FUSES_UPDATES).
    narrow update;
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

/// Those of panel `panel` of the run.
CK_INLINE const float *unit_weight_scales(const run *part, int32_t unit, int32_t panel) {
    return (const float *)(part->weight_scales + panel * part->weight_scale_stride + (size_t)unit * NF4_BLOCK_BYTES);
}

/// Scales a unit's totals and adds them to what is there: with `fresh` nothing, else `sums`. They go to `sums`, with
/// `done` on to the results. Minus zero comes out as zero with or without `fresh`.
CK_INLINE void scale_totals(
    const int rows, const run *part, int32_t unit, const int decoded, const int fresh, const int done,
    const vi totals[TILE_ROWS][PANEL_VECTORS], float *sums) {
    const char *scales = unit_scale(part, unit);
    CK_UNROLL for (int v = 0; v < PANEL_VECTORS; v++) {
        vf weight_scale = v_zero(), output_scale = v_zero();
        if (decoded) weight_scale = v_load(unit_weight_scales(part, unit, 0) + v * V_WIDTH);
        else if (done) output_scale = v_load((const float *)part->output_scales + v * V_WIDTH);
        CK_UNROLL for (int r = 0; r < rows; r++) {
            float *sum = sums + r * CK_PANEL + v * V_WIDTH;
            vf factor = v_set1(*(const float *)(scales + r * part->stride));
            if (decoded) factor = v_mul(weight_scale, factor);
            const vf result = v_fma(v_from_int(totals[r][v]), factor, fresh ? v_zero() : v_load(sum));
            if (!done) {
                v_store(sum, result);
                continue;
            }
            float *y = part->y + r * part->ldy + v * V_WIDTH;
            const vf scaled = decoded ? result : v_mul(result, output_scale);
            v_store(y, part->adds ? v_add(v_load(y), scaled) : scaled);
        }
    }
}

/// `scale_totals` for levels whose tiles are of one panel and keep their sums in memory, with constants for whether
/// `unit` begins its sums and whether it finishes them.
CK_INLINE void finish_unit(
    const int rows, const run *part, int32_t unit, const int decoded, const vi totals[TILE_ROWS][PANEL_VECTORS],
    float *sums) {
    const int fresh = part->first && unit == 0, done = part->y != NULL && unit + 1 == part->units;
    if (fresh && done) scale_totals(rows, part, unit, decoded, 1, 1, totals, sums);
    else if (done) scale_totals(rows, part, unit, decoded, 0, 1, totals, sums);
    else if (fresh) scale_totals(rows, part, unit, decoded, 1, 0, totals, sums);
    else scale_totals(rows, part, unit, decoded, 0, 0, totals, sums);
}

/// Up to QUANTISED_ROWS (CODES: NF4_ROWS) rows over one run: exact integer sums of each unit, scaled once and added to
/// `sums` in order. `panels`: 1 or QUANTISED_PANELS.
static void quantised_rows(int rows, int panels, const run *part, weight_form form, float *sums);

/// All rows, tile by tile.
CK_INLINE void multiply_run(run part, int32_t rows, int32_t panels, weight_form form, float *sums) {
    const int32_t most = form == CODES ? NF4_ROWS : QUANTISED_ROWS;
    const int32_t tiles = (rows + most - 1) / most, least = rows / tiles;
    // Tiles of `least` rows, and first those of one row more. Divisions are slow, so none is made for each tile.
    int32_t larger = rows - least * tiles;
    const uint32_t steps = (uint32_t)tiles * (uint32_t)((part.units - 1) * part.steps + part.last_steps);
    part.ahead_step = (uint32_t)part.ahead_bytes / steps + 1;
    const size_t tile_ahead = part.ahead_step * (steps / (uint32_t)tiles);
    for (int32_t count; rows > 0; rows -= count) {
        count = least + (larger-- > 0);
        quantised_rows(count, panels, &part, form, sums);
        part.values += count * part.stride;
        part.scales += count * part.stride;
        part.offsets += count * part.stride;
        part.ahead += tile_ahead;
        if (part.y != NULL) part.y += count * part.ldy;
        if (part.update.x != NULL) part.update.x += count * part.update.ldx;
        sums += count * SUMS_STRIDE;
    }
}

/// What one or QUANTISED_PANELS panels are multiplied with and where the results go.
typedef struct product {
    const ck_matrix *matrix;
    /// Prepared rows, `ldx` bytes apart.
    const char *x;
    ptrdiff_t ldx;
    int32_t rows, panels;
    const char *panel;
    /// Where tiles put or, with `adds`, add the finished sums, `ldy` elements apart; NULL: they stay in `sums`.
    float *y;
    int32_t adds;
    ptrdiff_t ldy;
    narrow update;
} product;

static void int8_panels(const product *of, float *sums) {
    const int32_t k = of->matrix->k, group = ck_min(of->matrix->group, k), groups = ck_groups(k, group);
    const int32_t last = k - (groups - 1) * group;
    const size_t stride = panel_bytes(CK_INT8, k, group);
    const char *scales = of->panel + int8_weight_bytes(k);
    const run all = {
        of->x + value_offset(k, group), of->x, of->x + scale_bytes(k, group), of->ldx, of->panel, of->panel,
        stride, 0, (const int32_t *)scales + CK_PANEL, groups, 1,
        (group + DEPTH_STEP - 1) / DEPTH_STEP, (last + DEPTH_STEP - 1) / DEPTH_STEP, 1, of->y, of->adds, of->ldy,
        scales, of->panel + of->panels * stride, of->panels * stride, 0, of->update};
    multiply_run(all, of->rows, of->panels, INT8, sums);
}

static void nf4_panels(const product *of, float *sums);

#if !DECODES_IN_TILES
/// Blocks of a panel that are decoded at a time: 16 KiB of weights, which the caches keep near for all tiles.
/// Each run of blocks starts its tiles anew, so longer runs are faster: 16 blocks by 5 % over 4 (measured on Zen 3).
enum {
    DECODED_BLOCKS = 16,
    DECODED_BYTES = DECODED_BLOCKS * CK_NF4_BLOCK * CK_PANEL,
};

_Static_assert(QUANTISED_PANELS == 1, "a run is decoded for one panel");

static void nf4_panels(const product *of, float *sums) {
    const int32_t k = of->matrix->k, group = of->matrix->group, blocks = k / CK_NF4_BLOCK;
    const int32_t group_blocks = group / CK_NF4_BLOCK, steps = CK_NF4_BLOCK / DEPTH_STEP;
    const size_t stride = panel_bytes(CK_NF4, k, group);
    _Alignas(64) weight_t weights[DECODED_BYTES];
    _Alignas(64) int32_t starts[CHAINED ? DECODED_BLOCKS * CK_PANEL : 1];
    // A run ends where a group does, so that its first unit starts a scale. Runs are alike in length.
    const int32_t most = DECODED_BLOCKS / group_blocks, all = ck_groups(k, group);
    const int32_t whole = most > 0 ? ck_groups(all, ck_groups(all, most)) * group_blocks : 0;
    for (int32_t block = 0, units; block < blocks; block += units) {
        const int32_t rest = group_blocks - block % group_blocks;
        units = ck_min(blocks - block, most > 0 ? whole : ck_min(rest, DECODED_BLOCKS));
        const char *packed = of->panel + (size_t)block * NF4_BLOCK_BYTES;
        const uint8_t *codes = (const uint8_t *)packed + CK_PANEL * 4;
        for (int32_t unit = 0; unit < units; unit++, codes += NF4_BLOCK_BYTES) {
            decode_nf4(codes, weights + unit * CK_NF4_BLOCK * CK_PANEL);
            for (int32_t j = 0; CHAINED && j < CK_PANEL; j++)
                starts[unit * CK_PANEL + j] = -CK_LIMIT_CHAIN * ((const int16_t *)(codes + NF4_CODE_BYTES))[j];
        }
        const run part = {
            of->x + value_offset(k, group) + (size_t)block * CK_NF4_BLOCK * sizeof(value_t),
            of->x + 4 * (block / group_blocks), of->x + 2 * scale_bytes(k, group) + 4 * (size_t)block, of->ldx,
            (const char *)weights, packed, 0, 0, starts, units, group_blocks, steps, steps,
            block == 0, block + units == blocks ? of->y : NULL, of->adds, of->ldy, NULL,
            packed + stride, (size_t)units * NF4_BLOCK_BYTES, 0, of->update};
        multiply_run(part, of->rows, 1, DECODED, sums);
    }
}
#endif

/// `sums` of one panel to y, as `flags` say.
static void store_sums(
    const ck_matrix *matrix, int32_t panel, const float *sums, float *y, ptrdiff_t ldy, int32_t rows, int32_t flags) {
    const int32_t count = ck_min(CK_PANEL, matrix->n - panel * CK_PANEL);
    const char *packed = (const char *)matrix->data
                         + (size_t)panel * panel_bytes(matrix->format, matrix->k, matrix->group);
    const float *scales = matrix->format == CK_INT8 ? (const float *)(packed + int8_weight_bytes(matrix->k)) : NULL;
    for (int32_t r = 0; r < rows; r++)
        store_row(y + r * ldy + panel * CK_PANEL, sums + r * SUMS_STRIDE, scales, count, flags);
}

/// The rows from `row` on and the panels from `panel` on of an update.
CK_INLINE narrow update_part(const ck_update *update, int32_t row, int32_t panel) {
    if (update == NULL) return (narrow){NULL, 0, NULL, 0, 0};
    const int32_t k = update->matrix.k;
    const size_t stride = panel_bytes(CK_INT8, k, update->matrix.group);
    return (narrow){
        (const char *)update->x + row * update->ldx, update->ldx,
        (const char *)update->matrix.data + (size_t)panel * stride, stride, k};
}

/// `fused`: an update that tiles add; NULL for none.
static void quantised_gemm(
    const ck_matrix *matrix, const void *x, ptrdiff_t ldx, float *y, ptrdiff_t ldy, int32_t first_row,
    int32_t last_row, int32_t first_panel, int32_t last_panel, int32_t flags, const ck_update *fused) {
    const size_t stride = panel_bytes(matrix->format, matrix->k, matrix->group);
    _Alignas(64) float sums[CHUNK_ROWS * SUMS_STRIDE];
    for (int32_t row = first_row; row < last_row; row += CHUNK_ROWS) {
        const int32_t rows = ck_min(CHUNK_ROWS, last_row - row);
        float *target = y + row * ldy;
        for (int32_t panel = first_panel, panels; panel < last_panel; panel += panels) {
            panels = panel + QUANTISED_PANELS <= last_panel ? QUANTISED_PANELS : 1;
            // Tiles write whole panels of results themselves.
            const int direct = (panel + panels) * CK_PANEL <= matrix->n;
            const product of = {
                matrix, (const char *)x + row * ldx, ldx, rows, panels,
                (const char *)matrix->data + (size_t)panel * stride, direct ? target + panel * CK_PANEL : NULL,
                (flags & CK_GEMM_ADD) != 0, ldy, update_part(fused, row, panel)};
            if (matrix->format == CK_INT8) int8_panels(&of, sums);
            else nf4_panels(&of, sums);
            for (int32_t p = 0; p < panels && !direct; p++)
                store_sums(matrix, panel + p, sums + p * CK_PANEL, target, ldy, rows, flags);
        }
    }
}

static void gemm(
    const ck_matrix *matrix, const void *x, ptrdiff_t ldx, float *y, ptrdiff_t ldy, int32_t first_row,
    int32_t last_row, int32_t first_panel, int32_t last_panel, int32_t flags, const ck_update *update) {
    // Tiles add to what is there, or an update, not both.
    const int fuses = FUSES_UPDATES && matrix->format == CK_NF4 && !(flags & CK_GEMM_ADD) && update != NULL
                      && update->matrix.group >= update->matrix.k;
    if (matrix->format == CK_INT8 || matrix->format == CK_NF4)
        quantised_gemm(
            matrix, x, ldx, y, ldy, first_row, last_row, first_panel, last_panel, flags, fuses ? update : NULL);
    else float_gemm(matrix, x, ldx, y, ldy, first_row, last_row, first_panel, last_panel, flags);
    if (update != NULL && !fuses)
        gemm(
            &update->matrix, update->x, update->ldx, y, ldy, first_row, last_row, first_panel, last_panel, CK_GEMM_ADD,
            NULL);
}
