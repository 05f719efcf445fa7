/* What one thread works with: its rows of the state, packed weights and room for a step. */

/* Columns of a unit, and those of them that see the hidden state (the n of a GRU does not). */
static inline int64_t NAME(gates)(const scan_plan *p) { return p->kind == TANH ? 1 : 4; }
static inline int64_t NAME(recurrent_gates)(const scan_plan *p) {
    return p->kind == GRU ? 3 : NAME(gates)(p);
}

#define PROJECTED_ROWS 128 /* tokens whose input products are computed together */

static inline int64_t NAME(own_rows)(const scan_plan *p, int64_t rows) {
    return rows > p->part ? (rows - p->part + p->parts - 1) / p->parts : 0;
}

/* What one thread works with. Rows are counted among its own: row i is row part + i parts of the batch. */
typedef struct {
    REAL *block, *next;
    NAME(packed) recurrent[MAX_CELLS + 1], input[MAX_CELLS + 1]; /* of every cell, then of the decision */
    int64_t first[MAX_CELLS + 1];                                /* column where each begins */
    int64_t rows;
    REAL *h, *c;         /* [rows, d] state, or its gradient; an all-zero c for cells without */
    REAL *new_h, *new_c; /* [cells, d] what every cell proposes, or where the gradient goes */
    REAL *columns;       /* [rows, G d] of a hard pass */
    REAL *weights, *soft, *pulls; /* [k] */
    const REAL **from;   /* [rows] operands and targets of a product */
    REAL **to;
    int64_t *chosen;     /* [rows] */
} NAME(work);

static REAL *NAME(take)(NAME(work) *w, int64_t count) {
    REAL *taken = w->next;
    w->next += count;
    return taken;
}

static void NAME(close)(NAME(work) *w) {
    free(w->block);
    free((void *)w->from);
    free(w->to);
    free(w->chosen);
}

/* Allocates everything and loads the start; `panels` is how many elements of packed weights there will be. */
static int NAME(open)(NAME(work) *w, const scan_plan *p, int64_t panels, const REAL *state) {
    int64_t d = p->hidden_size, rows = NAME(own_rows)(p, p->rows), at = 0;
    for (int64_t j = 0; j < p->cells; j++) {
        w->first[j] = at;
        at += NAME(gates)(p) * p->sizes[j];
    }
    w->first[p->cells] = at;
    w->rows = rows;
    int64_t count = panels + rows * d * (2 + NAME(gates)(p)) + 2 * p->cells * d + 3 * p->choices;
    size_t list = (size_t)(rows > PROJECTED_ROWS ? rows : PROJECTED_ROWS);
    w->block = w->next = malloc((size_t)count * sizeof(REAL));
    w->from = malloc(list * sizeof *w->from);
    w->to = malloc(list * sizeof *w->to);
    w->chosen = malloc(list * sizeof *w->chosen);
    if (!w->block || !w->from || !w->to || !w->chosen) {
        NAME(close)(w);
        return -1;
    }
    w->h = NAME(take)(w, rows * d);
    w->c = NAME(take)(w, rows * d);
    w->new_h = NAME(take)(w, p->cells * d);
    w->new_c = NAME(take)(w, p->cells * d);
    w->columns = NAME(take)(w, rows * d * NAME(gates)(p));
    w->weights = NAME(take)(w, p->choices);
    w->soft = NAME(take)(w, p->choices);
    w->pulls = NAME(take)(w, p->choices);
    memset(w->c, 0, (size_t)(rows * d) * sizeof(REAL));
    for (int64_t i = 0; i < rows; i++) {
        const REAL *row = state + (p->part + i * p->parts) * d;
        memcpy(w->h + i * d, row, (size_t)d * sizeof(REAL));
        if (p->kind == LSTM) memcpy(w->c + i * d, row + p->rows * d, (size_t)d * sizeof(REAL));
    }
    return 0;
}

static void NAME(store_state)(const NAME(work) *w, const scan_plan *p, REAL *state) {
    int64_t d = p->hidden_size;
    for (int64_t i = 0; i < w->rows; i++) {
        REAL *row = state + (p->part + i * p->parts) * d;
        memcpy(row, w->h + i * d, (size_t)d * sizeof(REAL));
        if (p->kind == LSTM) memcpy(row + p->rows * d, w->c + i * d, (size_t)d * sizeof(REAL));
    }
}

static int64_t NAME(decision_columns)(const scan_plan *p) { return p->choices > 1 ? p->choices : 0; }

static int64_t NAME(weight_rows)(const scan_plan *p, int64_t j) {
    return j < p->cells ? NAME(gates)(p) * p->sizes[j] : NAME(decision_columns)(p);
}

/* Elements that `pack_weights` needs. */
static int64_t NAME(weights_size)(const scan_plan *p) {
    int64_t count = NAME(packed_size)(p->hidden_size, NAME(decision_columns)(p));
    for (int64_t j = 0; j < p->cells; j++)
        count += NAME(packed_size)(p->contexts[j], NAME(recurrent_gates)(p) * p->sizes[j]);
    for (int64_t j = 0; j <= p->cells; j++) count += NAME(packed_size)(p->input_size, NAME(weight_rows)(p, j));
    return count;
}

static void NAME(pack_weights)(NAME(work) *w, const scan_plan *p, const REAL *weight, const REAL *recurrent) {
    int64_t d = p->hidden_size, depth = p->input_size, last = p->cells;
    for (int64_t j = 0; j <= last; j++) {
        int64_t context = j < last ? p->contexts[j] : d;
        int64_t rows = j < last ? NAME(recurrent_gates)(p) * p->sizes[j] : NAME(decision_columns)(p);
        w->next = NAME(pack)(&w->recurrent[j], w->next, context, rows, recurrent + w->first[j] * d, 1, d);
        w->next = NAME(pack)(&w->input[j], w->next, depth, NAME(weight_rows)(p, j),
                             weight + w->first[j] * depth, 1, depth);
    }
}

/* Softmax of (logits + noise) / temperature, and the index of the largest. */
static int64_t NAME(softmax)(const scan_plan *p, const REAL *logits, const REAL *noise, REAL temperature, REAL *out) {
    int64_t best = 0;
    REAL sum = 0;
    for (int64_t j = 0; j < p->choices; j++) {
        out[j] = (logits[j] + (noise ? noise[j] : 0)) / temperature;
        if (out[j] > out[best]) best = j;
    }
    REAL top = out[best];
    for (int64_t j = 0; j < p->choices; j++) sum += out[j] = (REAL)exp((double)(out[j] - top));
    for (int64_t j = 0; j < p->choices; j++) out[j] /= sum;
    return best;
}
