/* Inference over the whole sequence, for the rows of one thread: a branch is computed where it is chosen. */

/* The decision at inference (section 4.2): skim if the small cells' probability is above the threshold. */
static int64_t NAME(decide)(const scan_plan *p, NAME(work) *w, const REAL *logits) {
    int64_t best = 1;
    REAL skim = 0;
    NAME(softmax)(p, logits, NULL, 1, w->soft);
    for (int64_t j = 1; j < p->choices; j++) {
        skim += w->soft[j];
        if (w->soft[j] > w->soft[best]) best = j;
    }
    return (skim > 1 ? 1 : skim) > (REAL)p->threshold ? best : 0;
}

/* Lets one cell process those of `rows` rows that chose it, and touches no other. */
static void NAME(hard_cell)(const scan_plan *p, NAME(work) *w, const hard_arrays *a, int64_t token, int64_t rows,
                            int64_t j) {
    int64_t d = p->hidden_size, m = p->sizes[j], width = NAME(gates)(p) * m, count = 0;
    for (int64_t i = 0; i < rows; i++) {
        if (w->chosen[i] != j) continue;
        w->to[count] = w->columns + count * width;
        memcpy(w->to[count], (const REAL *)a->bias + w->first[j], (size_t)width * sizeof(REAL));
        w->from[count++] = (const REAL *)a->inputs + (token + p->part + i * p->parts) * p->input_size;
    }
    NAME(multiply)(count, w->from, &w->input[j], w->to, 0);
    count = 0;
    for (int64_t i = 0; i < rows; i++)
        if (w->chosen[i] == j) w->from[count++] = w->h + i * d;
    NAME(multiply)(count, w->from, &w->recurrent[j], w->to, 0);
    for (int64_t i = 0; i < count; i++) {
        REAL *h = (REAL *)w->from[i], *c = w->c + (h - w->h);
        NAME(cell_forward)(p->kind, m, w->to[i], h, c, w->new_h, w->new_c);
        memcpy(h, w->new_h, (size_t)m * sizeof(REAL));
        if (p->kind == LSTM) memcpy(c, w->new_c, (size_t)m * sizeof(REAL));
    }
}

static void NAME(hard_decisions)(const scan_plan *p, NAME(work) *w, const hard_arrays *a, int64_t token,
                                 int64_t rows) {
    int64_t k = p->choices, last = p->cells;
    for (int64_t i = 0; i < rows; i++) {
        int64_t at = token + p->part + i * p->parts;
        w->chosen[i] = 0;
        w->from[i] = (const REAL *)a->inputs + at * p->input_size;
        w->to[i] = k > 1 ? (REAL *)a->logits + at * k : NULL;
        if (k > 1) memcpy(w->to[i], (const REAL *)a->bias + w->first[last], (size_t)k * sizeof(REAL));
    }
    if (k > 1) {
        NAME(multiply)(rows, w->from, &w->input[last], w->to, 0);
        for (int64_t i = 0; i < rows; i++) w->from[i] = w->h + i * p->hidden_size;
        NAME(multiply)(rows, w->from, &w->recurrent[last], w->to, 0);
        for (int64_t i = 0; i < rows; i++) w->chosen[i] = NAME(decide)(p, w, w->to[i]);
    }
    for (int64_t i = 0; i < rows; i++) a->decisions[token + p->part + i * p->parts] = w->chosen[i];
}

static int NAME(hard)(const scan_plan *p, const void *arrays) {
    const hard_arrays *a = arrays;
    NAME(work) w;
    int64_t d = p->hidden_size, token = 0;
    if (NAME(open)(&w, p, NAME(weights_size)(p), a->start)) return -1;
    NAME(pack_weights)(&w, p, a->weight, a->recurrent);
    for (int64_t t = 0; t < p->steps; token += p->batch_sizes[t++]) {
        int64_t rows = NAME(own_rows)(p, p->batch_sizes[t]);
        NAME(hard_decisions)(p, &w, a, token, rows);
        for (int64_t j = 0; j < p->cells; j++) NAME(hard_cell)(p, &w, a, token, rows, j);
        for (int64_t i = 0; i < rows; i++)
            memcpy((REAL *)a->hidden + (token + p->part + i * p->parts) * d, w.h + i * d,
                   (size_t)d * sizeof(REAL));
    }
    NAME(store_state)(&w, p, a->final);
    NAME(close)(&w);
    return 0;
}
