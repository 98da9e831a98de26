// Rows to the order of panels, for keys and weights at every SIMD level. Included behind the level's vocabulary, which
// also defines TRANSPOSES: 1, and transpose_square(...) turns a square of elements; or 0.

/// Elements of a row that are turned at a time: 16 rows of them stay in the first-level cache.
enum { TURNED_ELEMENTS = 64 };

/// Turns `count` rows (at most CK_PANEL) of `size` elements, `ld` apart, into [size][CK_PANEL], zeros behind the last
/// row. Elements are moved as they are, whatever their 4 bytes hold.
static void turn_rows(const float *rows, ptrdiff_t ld, int32_t count, int32_t size, float *target) {
    int32_t done = 0;
#if TRANSPOSES
    for (; done + CK_PANEL <= size; done += CK_PANEL)
        transpose_square(rows + done, ld, count, target + (size_t)done * CK_PANEL);
#endif
    for (; done < size; done += TURNED_ELEMENTS) {
        const int32_t end = ck_min(done + TURNED_ELEMENTS, size);
        for (int32_t j = 0; j < CK_PANEL; j++) {
            const float *row = rows + j * ld;
            for (int32_t e = done; e < end; e++) target[(size_t)e * CK_PANEL + j] = j < count ? row[e] : 0;
        }
    }
}
