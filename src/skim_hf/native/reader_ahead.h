/* Products of inputs that are vectors, for several tokens at once where every token is read in full: the weights of a
   large cell come from far away, and once they are here, the next tokens can use them too. A token's sums are the
   same, in the same order, as those of `share_row`, so that its bits do not depend on who its neighbours are. */

enum { TILE_TOKENS = 3 };

/* The tokens, from the first to the one before the end, whose rows are there. */
typedef struct {
    int64_t first, end;
} rows_there;

/* Half a panel of four vectors, as panel_floats(4, 2, ...) adds it up. */
INLINE void tile_floats(const int tokens, int64_t depth, const float *const *x, const float *weights,
                        const float *bias, float *out, int64_t stride) {
    vec sum[2][TILE_TOKENS][2];
    int64_t k = 0;
#pragma GCC unroll 3
    for (int t = 0; t < tokens; t++)
#pragma GCC unroll 2
        for (int v = 0; v < 2; v++) sum[0][t][v] = vec_load(bias + v * LANES), sum[1][t][v] = vec_set(0.0f);
    for (; k + 2 <= depth; k += 2)
#pragma GCC unroll 2
        for (int s = 0; s < 2; s++) {
            const float *row = weights + (k + s) * 4 * LANES;
            vec left = vec_load(row), right = vec_load(row + LANES);
#pragma GCC unroll 3
            for (int t = 0; t < tokens; t++) {
                vec value = vec_set(x[t][k + s]);
                sum[s][t][0] = vec_fma(value, left, sum[s][t][0]);
                sum[s][t][1] = vec_fma(value, right, sum[s][t][1]);
            }
        }
#pragma GCC unroll 3
    for (int t = 0; t < tokens; t++)
#pragma GCC unroll 2
        for (int v = 0; v < 2; v++) {
            if (k < depth)
                sum[0][t][v] = vec_fma(vec_set(x[t][k]), vec_load(weights + (k * 4 + v) * LANES), sum[0][t][v]);
            vec_store(out + t * stride + v * LANES, sum[0][t][v] + sum[1][t][v]);
        }
}

static void tile_any(int64_t tokens, int64_t depth, const float *const *x, const float *weights, const float *bias,
                     float *out, int64_t stride) {
    switch (tokens) {
    case 1: tile_floats(1, depth, x, weights, bias, out, stride); break;
    case 2: tile_floats(2, depth, x, weights, bias, out, stride); break;
    default: tile_floats(3, depth, x, weights, bias, out, stride); break;
    }
}

/* The shares of a few inputs, rows of [columns]. */
static void share_rows(const reader_share *share, int64_t count, const float *const *inputs, float *rows) {
    int64_t columns = share->inputs.columns, depth = share->inputs.depth, vectors = columns / LANES;
    for (int64_t vector = 0; vector + 4 <= vectors; vector += 4)
        for (int64_t half = vector; half < vector + 4; half += 2)
            for (int64_t t = 0; t < count; t += TILE_TOKENS)
                tile_any(count - t < TILE_TOKENS ? count - t : TILE_TOKENS, depth, inputs + t,
                         share->inputs.weights + vector * LANES * depth + (half - vector) * LANES,
                         share->bias + half * LANES, rows + t * columns + half * LANES, columns);
    int64_t last = vectors / 4 * 4;
    for (int64_t t = 0; last < vectors && t < count; t++) {
        vec init[4], sums[4];
        operand x = {inputs[t], NULL, 1.0f};
        for (int64_t v = 0; v < vectors - last; v++) init[v] = vec_load(share->bias + (last + v) * LANES);
        panel_any(vectors - last, &share->inputs, last, &x, init, sums);
        for (int64_t v = 0; v < vectors - last; v++) vec_store(rows + t * columns + (last + v) * LANES, sums[v]);
    }
}

/* The row of a token of a task, with those of the tokens that come next. */
static addend row_ahead(const reader_share *share, const reader_room *room, const reader_task *t, int64_t at,
                        rows_there *rows) {
    if (at >= rows->end) {
        const float *inputs[MOST_ROWS];
        *rows = (rows_there){at, t->count - at < MOST_ROWS ? t->count : at + MOST_ROWS};
        for (int64_t i = at; i < rows->end; i++) inputs[i - at] = t->inputs + i * t->input_stride;
        share_rows(share, rows->end - at, inputs, room->rows);
    }
    return (addend){room->rows + (at - rows->first) * share->inputs.columns, NULL, 1};
}
