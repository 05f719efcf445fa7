/* The loop over tokens where every unit of a cell decides for itself whether it is updated (SA-RNN): only the rows of
   the units that are, and their entries of the table, are touched. */

/* Numbers of the units whose sum passes the bound; returns how many. */
INLINE int64_t choose_units(const reader_layer *r, const reader_state *s, const addend *share, const reader_room *room) {
    float *sums = room->chosen;
    int64_t count = 0;
    for (int64_t u = 0; u < r->padded; u += LANES)
        vec_store(sums + u, vec_fma(vec_load(r->units->own + u), vec_load(s->h + u), addend_at(share, u)));
    for (int64_t u = 0; u < r->hidden_size; u++) {
        room->list[count] = (int32_t)u;
        count += sums[u] > r->bound;
    }
    return count;
}

/* out[g] = x W of the rows of one unit's gates, [gates, padded]; as many sums at once, because each can only grow as
   fast as one addition takes. */
INLINE void dot_gates(const int gates, int64_t padded, const float *rows, const float *x, float *out) {
    vec sums[MAX_GATES];
#pragma GCC unroll 4
    for (int g = 0; g < gates; g++) sums[g] = vec_set(0.0f);
    for (int64_t k = 0; k < padded; k += LANES) {
        vec value = vec_load(x + k);
#pragma GCC unroll 4
        for (int g = 0; g < gates; g++) sums[g] = vec_fma(vec_load(rows + g * padded + k), value, sums[g]);
    }
#pragma GCC unroll 4
    for (int g = 0; g < gates; g++) out[g] = vec_sum(sums[g]);
}

/* The input's share of one unit's gates where no table holds it. */
INLINE void unit_share(const int gates, const reader_layer *r, int64_t unit, const float *input, float *out) {
    const float *rows = r->units->inputs + unit * gates * r->input_size;
    for (int g = 0; g < gates; g++, rows += r->input_size) {
        vec sum = vec_set(0.0f);
        int64_t k = 0;
        for (; k + LANES <= r->input_size; k += LANES) sum = vec_fma(vec_load(rows + k), vec_load(input + k), sum);
        out[g] = r->units->bias[unit * gates + g] + vec_sum(sum);
        for (; k < r->input_size; k++) out[g] += rows[k] * input[k];
    }
}

/* Gates before activation of the chosen units, gate by gate: [gates, padded]; a GRU's share of n is a row more. */
INLINE void chosen_gates(const reader_kind kind, const reader_layer *r, const reader_state *s, const reader_room *room,
                         int64_t count, int32_t id, const float *input) {
    const int gates = reader_gates(kind);
    const reader_units *cell = r->units;
    const float *row = cell->table ? cell->table + (int64_t)id * r->hidden_size * gates : NULL;
    /* Chosen units that are neighbours share lines, so that some are asked for twice; the others are left alone. */
    for (int64_t i = 0; row && i < count; i++) __builtin_prefetch(row + (int64_t)room->list[i] * gates);
    for (int64_t n = 0; n < count; n++) {
        /* As in cell_step, every other time backwards. */
        int64_t i = s->counts[0] & 1 ? count - 1 - n : n, unit = room->list[i];
        float sums[MAX_GATES], computed[MAX_GATES];
        const float *share = computed;
        dot_gates(gates, r->padded, cell->recurrent + unit * gates * r->padded, s->h, sums);
        if (row)
            share = row + unit * gates;
        else
            unit_share(gates, r, unit, input, computed);
        for (int g = 0; g < gates; g++) {
            int is_candidate = kind == READS_GRU && g == 2;
            room->chosen[g * r->padded + i] = sums[g] + (is_candidate ? cell->candidate_bias[unit] : share[g]);
            if (is_candidate) room->chosen[3 * r->padded + i] = share[g];
        }
    }
}

/* The element-wise step of the chosen units, side by side in whole vectors, and back to where they live. */
INLINE void update_chosen(const reader_kind kind, const reader_layer *r, reader_state *s, const reader_room *room,
                          int64_t count) {
    const int gates = reader_gates(kind);
    float *old = room->chosen + MAX_GATES * r->padded, *fresh = old + r->padded;
    const float *kept = kind == READS_LSTM ? s->c : s->h;
    for (int64_t i = 0; i < count; i++) old[i] = kept[room->list[i]];
    for (int64_t i = 0; i < count; i += LANES) {
        vec apart[MAX_GATES], before = vec_load(old + i), h;
#pragma GCC unroll 4
        for (int g = 0; g < gates; g++) apart[g] = vec_load(room->chosen + g * r->padded + i);
        if (kind == READS_LSTM)
            h = lstm_block(apart, &before, 0);
        else if (kind == READS_GRU)
            h = gru_block(apart, vec_load(room->chosen + 3 * r->padded + i), before, 0);
        else
            h = tanh_block(apart[0], 0);
        vec_store(fresh + i, h);
        if (kind == READS_LSTM) vec_store(old + i, before);
    }
    for (int64_t i = 0; i < count; i++) {
        s->h[room->list[i]] = fresh[i];
        if (kind == READS_LSTM) s->c[room->list[i]] = old[i];
    }
}

INLINE void read_tokens_by_units(const reader_kind kind, const reader_layer *r, reader_state *s, const reader_room *room,
                                 const reader_task *t) {
    const int64_t ahead = 4;
    for (int64_t at = 0; at < t->count; at++) {
        int32_t id = t->ids ? t->ids[at * t->ids_stride] : 0;
        const float *input = t->inputs ? t->inputs + at * t->input_stride : NULL;
        if (t->ids && at + ahead < t->count) prefetch_row(&r->units->coordinator, t->ids[(at + ahead) * t->ids_stride]);
        addend share = share_row(&r->units->coordinator, id, input, room);
        int64_t count = choose_units(r, s, &share, room);
        if (count) {
            chosen_gates(kind, r, s, room, count, id, input);
            update_chosen(kind, r, s, room, count);
        }
        s->counts[!count]++;
        s->units += count;
        if (t->decisions) t->decisions[at * t->decision_stride] = !count;
        if (t->units) t->units[at * t->units_stride] = count;
        if (t->outputs) store_output(r, s, t, at);
    }
}

static void read_units_task(const reader_layer *r, reader_state *s, const reader_room *room, const reader_task *t) {
    switch (r->kind) {
    case READS_LSTM: read_tokens_by_units(READS_LSTM, r, s, room, t); break;
    case READS_GRU: read_tokens_by_units(READS_GRU, r, s, room, t); break;
    default: read_tokens_by_units(READS_TANH, r, s, room, t); break;
    }
}
