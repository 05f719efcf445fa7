/* The forward and the backward pass of training over the whole sequence, for the rows of one thread. */

/* gates = bias + inputs weight^T, for all tokens of this thread's rows. */
static void NAME(project)(NAME(work) *w, const scan_plan *p, const forward_arrays *a) {
    int64_t token = 0, count = 0;
    for (int64_t t = 0; t < p->steps; token += p->batch_sizes[t++])
        for (int64_t row = p->part; row < p->batch_sizes[t]; row += p->parts) {
            w->from[count] = (const REAL *)a->inputs + (token + row) * p->input_size;
            w->to[count] = (REAL *)a->gates + (token + row) * p->width;
            memcpy(w->to[count++], a->bias, (size_t)p->width * sizeof(REAL));
            if (count < PROJECTED_ROWS) continue;
            for (int64_t j = 0; j <= p->cells; j++) NAME(multiply)(count, w->from, &w->input[j], w->to, w->first[j]);
            count = 0;
        }
    for (int64_t j = 0; j <= p->cells; j++) NAME(multiply)(count, w->from, &w->input[j], w->to, w->first[j]);
}

/* Mixing weights and soft weights of one token (eq. 7). */
static void NAME(mixing_weights)(const scan_plan *p, NAME(work) *w, const REAL *logits, const REAL *noise) {
    w->weights[0] = w->soft[0] = 1;
    if (p->choices == 1) return;
    int64_t best = NAME(softmax)(p, logits, noise, (REAL)p->temperature, w->soft);
    for (int64_t j = 0; j < p->choices; j++) w->weights[j] = p->straight_through ? j == best : w->soft[j];
}

/* old = old + sum_j weights_j (proposed_j - old) on the units that cell j covers (eq. 5). */
static void NAME(mix)(const scan_plan *p, const REAL *weights, REAL *restrict proposed, REAL *restrict old) {
    int64_t d = p->hidden_size;
    for (int64_t j = 0; j < p->cells; j++)
        if (weights[j] == 1) { /* to the bit, also where straight-through took a branch */
            memcpy(old, proposed + j * d, (size_t)p->sizes[j] * sizeof(REAL));
            return;
        }
    for (int64_t j = 1; j < p->cells; j++)
#pragma omp simd
        for (int64_t u = 0; u < p->sizes[j]; u++) proposed[j * d + u] = weights[j] * (proposed[j * d + u] - old[u]);
    REAL weight = weights[0];
#pragma omp simd
    for (int64_t u = 0; u < d; u++) old[u] += weight * (proposed[u] - old[u]);
    for (int64_t j = 1; j < p->cells; j++)
#pragma omp simd
        for (int64_t u = 0; u < p->sizes[j]; u++) old[u] += proposed[j * d + u];
}

static int NAME(forward)(const scan_plan *p, const void *arrays) {
    const forward_arrays *a = arrays;
    NAME(work) w;
    int64_t d = p->hidden_size, k = p->choices, token = 0;
    if (NAME(open)(&w, p, NAME(weights_size)(p), a->start)) return -1;
    NAME(pack_weights)(&w, p, a->weight, a->recurrent);
    NAME(project)(&w, p, a);
    for (int64_t t = 0; t < p->steps; token += p->batch_sizes[t++]) {
        int64_t rows = NAME(own_rows)(p, p->batch_sizes[t]);
        for (int64_t i = 0; i < rows; i++) {
            w.from[i] = w.h + i * d;
            w.to[i] = (REAL *)a->gates + (token + p->part + i * p->parts) * p->width;
        }
        for (int64_t j = 0; j <= p->cells; j++)
            NAME(multiply)(rows, w.from, &w.recurrent[j], w.to, w.first[j]);
        for (int64_t i = 0; i < rows; i++) {
            int64_t at = token + p->part + i * p->parts;
            REAL *columns = w.to[i], *logits = columns + w.first[p->cells], *h = w.h + i * d, *c = w.c + i * d;
            for (int64_t j = 0; j < p->cells; j++)
                NAME(cell_forward)(p->kind, p->sizes[j], columns + w.first[j], h, c, w.new_h + j * d,
                                   w.new_c + j * d);
            NAME(mixing_weights)(p, &w, logits, a->noise ? (const REAL *)a->noise + at * k : NULL);
            NAME(mix)(p, w.weights, w.new_h, h);
            if (p->kind == LSTM) {
                NAME(mix)(p, w.weights, w.new_c, c);
                memcpy((REAL *)a->cells + at * d, c, (size_t)d * sizeof(REAL));
            }
            memcpy((REAL *)a->hidden + at * d, h, (size_t)d * sizeof(REAL));
            if (k > 1) memcpy((REAL *)a->logits + at * k, logits, (size_t)k * sizeof(REAL));
        }
    }
    NAME(store_state)(&w, p, a->final);
    NAME(close)(&w);
    return 0;
}

/* Turns the gradient (h, c) of the state after a token into that of the state before, but for the product
   with the recurrent weights, and writes that of the token's columns. */
static void NAME(backward_row)(const scan_plan *p, NAME(work) *w, const REAL *gates, const REAL *noise,
                               const REAL *old_h, const REAL *old_c, const REAL *grad_logits, REAL *to, REAL *h,
                               REAL *c) {
    int64_t d = p->hidden_size, k = p->choices, last = w->first[p->cells];
    REAL *kept_h = w->new_h, *kept_c = w->new_c;
    NAME(mixing_weights)(p, w, gates + last, noise);
    for (int64_t u = 0; u < d; u++) {
        kept_h[u] = k > 1 ? h[u] : 0;
        kept_c[u] = k > 1 ? c[u] : 0;
    }
    for (int64_t j = 0; j < k; j++) w->pulls[j] = 0; /* a copy pulls nowhere */
    for (int64_t j = 0; j < p->cells; j++) {
        if (k > 1)
#pragma omp simd
            for (int64_t u = 0; u < p->sizes[j]; u++) {
                kept_h[u] -= w->weights[j] * h[u];
                kept_c[u] -= w->weights[j] * c[u];
            }
        w->pulls[j] = NAME(cell_backward)(p->kind, p->sizes[j], gates + w->first[j], old_h, old_c, h, c,
                                          w->weights[j], to + w->first[j], kept_h, kept_c);
    }
    if (k > 1) {
        REAL mean = 0;
        for (int64_t j = 0; j < k; j++) mean += w->soft[j] * w->pulls[j];
        for (int64_t j = 0; j < k; j++)
            to[last + j] = w->soft[j] / (REAL)p->temperature * (w->pulls[j] - mean) +
                           (grad_logits ? grad_logits[j] : 0);
    }
    memcpy(h, kept_h, (size_t)d * sizeof(REAL));
    memcpy(c, kept_c, (size_t)d * sizeof(REAL));
}

static int NAME(backward)(const scan_plan *p, const void *arrays) {
    const backward_arrays *a = arrays;
    NAME(work) w;
    NAME(packed) transposed;
    int64_t d = p->hidden_size, k = p->choices, width = p->width, token = 0;
    const REAL *noise = a->noise, *grad_hidden = a->grad_hidden, *grad_logits = a->grad_logits;
    REAL *grad_bias = (REAL *)a->grad_bias + p->part * width;
    if (NAME(open)(&w, p, NAME(packed_size)(width, d), a->grad_state)) return -1;
    NAME(pack)(&transposed, w.next, width, d, a->recurrent, d, 1);
    memset(grad_bias, 0, (size_t)width * sizeof(REAL));
    for (int64_t t = 0; t < p->steps; t++) token += p->batch_sizes[t];
    for (int64_t t = p->steps - 1; t >= 0; t--) {
        int64_t rows = NAME(own_rows)(p, p->batch_sizes[t]);
        int64_t before = token - p->batch_sizes[t] - (t > 0 ? p->batch_sizes[t - 1] : 0);
        token -= p->batch_sizes[t];
        for (int64_t i = 0; i < rows; i++) {
            int64_t row = p->part + i * p->parts, at = token + row;
            const REAL *old_h = t > 0 ? (const REAL *)a->hidden + (before + row) * d : (const REAL *)a->start + row * d;
            const REAL *old_c = w.c; /* read but not used by cells without */
            if (p->kind == LSTM)
                old_c = t > 0 ? (const REAL *)a->cells + (before + row) * d
                              : (const REAL *)a->start + (p->rows + row) * d;
            REAL *h = w.h + i * d, *to = (REAL *)a->grad_columns + at * width;
            memcpy((REAL *)a->previous + at * d, old_h, (size_t)d * sizeof(REAL));
            if (grad_hidden)
#pragma omp simd
                for (int64_t u = 0; u < d; u++) h[u] += grad_hidden[at * d + u];
            NAME(backward_row)(p, &w, (const REAL *)a->gates + at * width, noise ? noise + at * k : NULL, old_h, old_c,
                               grad_logits ? grad_logits + at * k : NULL, to, h, w.c + i * d);
#pragma omp simd
            for (int64_t j = 0; j < width; j++) grad_bias[j] += to[j];
            w.from[i] = to;
            w.to[i] = h;
        }
        NAME(multiply)(rows, w.from, &transposed, w.to, 0);
    }
    NAME(store_state)(&w, p, a->grad_state);
    NAME(close)(&w);
    return 0;
}
