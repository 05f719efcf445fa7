/* Products of inputs that are vectors, for several tokens at once: the weights of a large cell come from far away, and
   once they are here, those tokens can use them too that will probably be read soon. A token's sums are the same, in
   the same order, as those of `share_row`, so that its bits do not depend on who its neighbours are. */

enum { TILE_TOKENS = 3, AHEAD_TOKENS = 32, MOST_AHEAD_SMALL = 4 };

/* The tokens from `start` to `end` of a task, what the input says of their decisions, what the state said last, and
   the rows that are there already: those of the tokens `rows`. */
typedef struct {
    int64_t start, end, count, rows[MOST_ROWS];
    float shares[AHEAD_TOKENS * MOST_AHEAD_SMALL], from_state[MOST_AHEAD_SMALL];
} outlook;

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

/* Looks at the next tokens of a task. */
INLINE void look_ahead(const reader_layer *r, const reader_task *t, int64_t at, outlook *ahead) {
    int64_t small = r->choices - 1;
    ahead->start = at;
    ahead->end = t->count - at < AHEAD_TOKENS ? t->count : at + AHEAD_TOKENS;
    for (int64_t j = 0; j < small; j++) {
        const float *weights = r->decision_inputs + j * r->input_size;
        int64_t next = at;
        /* One sum can only grow as fast as one addition takes; several grow side by side. */
        for (; next + 4 <= ahead->end; next += 4) {
            const float *x[4];
            float sum[4];
            for (int i = 0; i < 4; i++) sum[i] = r->decision_bias[j], x[i] = t->inputs + (next + i) * t->input_stride;
            for (int64_t k = 0; k < r->input_size; k++)
#pragma GCC unroll 4
                for (int i = 0; i < 4; i++) sum[i] += x[i][k] * weights[k];
            for (int i = 0; i < 4; i++) ahead->shares[(next + i - at) * small + j] = sum[i];
        }
        for (; next < ahead->end; next++)
            ahead->shares[(next - at) * small + j] = decision_share(r, j, 0, t->inputs + next * t->input_stride);
    }
}

/* Whether a token would be read in full if the state said of it what it said last. */
static int calls_for_reading(const reader_layer *r, const outlook *ahead, int64_t at) {
    int64_t small = r->choices - 1;
    const float *shares = ahead->shares + (at - ahead->start) * small;
    float scores[MOST_AHEAD_SMALL];
    if (!small) return 1;
    if (small == 1) return !(ahead->from_state[0] > r->bound - shares[0]);
    for (int64_t j = 0; j < small; j++) scores[j] = ahead->from_state[j] + shares[j];
    return !choose_of_many(scores, small, r->bound);
}

/* The row of a token that is read in full, with those of others that will be. */
static addend row_ahead(const reader_layer *r, const reader_room *room, const reader_task *t, int64_t at,
                        outlook *ahead) {
    const reader_share *share = &r->cells[0].share;
    const float *inputs[MOST_ROWS];
    for (int64_t i = 0; i < ahead->count; i++)
        if (ahead->rows[i] == at) return (addend){room->rows + i * share->inputs.columns, NULL, 1};
    ahead->count = 0;
    for (int64_t next = at; next < ahead->end && ahead->count < MOST_ROWS; next++)
        if (next == at || calls_for_reading(r, ahead, next)) {
            inputs[ahead->count] = t->inputs + next * t->input_stride;
            ahead->rows[ahead->count++] = next;
        }
    share_rows(share, ahead->count, inputs, room->rows);
    return (addend){room->rows, NULL, 1};
}
