/* Small matrix products C += A B, with B packed in panels of the width that the registers hold.
   Rows of A and C are given by pointers, so that any selection of rows is one product. */

#define LANES ((int64_t)(VECTOR_BYTES / sizeof(REAL)))
typedef REAL NAME(vector) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));

/* B [depth, columns] in panels of 2 LANES columns, the last of LANES if that is enough. */
typedef struct {
    int64_t depth, columns;
    REAL *panels;
} NAME(packed);

static inline int64_t NAME(panel_width)(int64_t left) { return left > LANES ? 2 * LANES : LANES; }

static int64_t NAME(packed_size)(int64_t depth, int64_t columns) {
    int64_t width = 0;
    while (width < columns) width += NAME(panel_width)(columns - width);
    return depth * width;
}

/* Packs B[k, c] = source[k * by_depth + c * by_column]; padding is zero. Returns the end of what it wrote. */
static REAL *NAME(pack)(NAME(packed) *out, REAL *to, int64_t depth, int64_t columns, const REAL *source,
                        int64_t by_depth, int64_t by_column) {
    out->depth = depth;
    out->columns = columns;
    out->panels = to;
    for (int64_t first = 0; first < columns;) {
        int64_t width = NAME(panel_width)(columns - first);
        for (int64_t k = 0; k < depth; k++)
            for (int64_t c = 0; c < width; c++)
                *to++ = first + c < columns ? source[k * by_depth + (first + c) * by_column] : 0;
        first += width;
    }
    return to;
}

/* One tile: `rows` rows by `vectors` vectors, both known to the compiler, kept in registers. */
static inline __attribute__((always_inline)) void NAME(tile)(const int rows, const int vectors, int64_t depth,
                                                             const REAL *const *a, const REAL *panel,
                                                             REAL *const *c, int64_t at, int64_t columns) {
    NAME(vector) sum[8][2];
    const REAL *row[8];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
        row[r] = a[r];
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) sum[r][v] = (NAME(vector)){0};
    }
    for (int64_t k = 0; k < depth; k++) {
        const NAME(vector) *b = (const NAME(vector) *)(panel + k * vectors * LANES);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            REAL value = row[r][k];
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++) sum[r][v] += value * b[v];
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
        if (columns >= vectors * LANES) {
            NAME(vector) *to = (NAME(vector) *)(c[r] + at);
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++) to[v] += sum[r][v];
        } else {
            const REAL *from = (const REAL *)sum[r];
            for (int64_t i = 0; i < columns; i++) c[r][at + i] += from[i];
        }
    }
}

static inline __attribute__((always_inline)) void NAME(panel_product)(const int vectors, int64_t rows, int64_t depth,
                                                                      const REAL *const *a, const REAL *panel,
                                                                      REAL *const *c, int64_t at,
                                                                      int64_t columns) {
    int64_t r = 0;
    for (; r + TILE_ROWS <= rows; r += TILE_ROWS)
        NAME(tile)(TILE_ROWS, vectors, depth, a + r, panel, c + r, at, columns);
    for (; r + 2 <= rows; r += 2) NAME(tile)(2, vectors, depth, a + r, panel, c + r, at, columns);
    if (r < rows) NAME(tile)(1, vectors, depth, a + r, panel, c + r, at, columns);
}

/* c[r][at + j] += sum_k a[r][k] B[k, j] for all rows. */
static void NAME(multiply)(int64_t rows, const REAL *const *a, const NAME(packed) *b, REAL *const *c, int64_t at) {
    const REAL *panel = b->panels;
    for (int64_t first = 0; first < b->columns;) {
        int64_t left = b->columns - first, width = NAME(panel_width)(left);
        if (width == LANES)
            NAME(panel_product)(1, rows, b->depth, a, panel, c, at + first, left);
        else
            NAME(panel_product)(2, rows, b->depth, a, panel, c, at + first, left);
        panel += b->depth * width;
        first += width;
    }
}

