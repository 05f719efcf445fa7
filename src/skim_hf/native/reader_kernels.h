/* The loop over tokens, for the instruction set of the SIMD header included before: decide, then run the chosen
   cell and nothing else. */
#include <math.h>
#include <string.h>

#include "reader.h"
#include "reader_math.h"
#include "reader_product.h"
#include "reader_cells.h"

/* Gates of one block are together, or if it is not whole, at multiples of its units. */
typedef struct {
    int64_t unit, units, vector, vectors;
} block;

INLINE void activate(const reader_kind kind, const int fast, block at, const vec *gates, vec share_n, reader_state *s,
                     float *fresh) {
    vec h, c = vec_set(0.0f);
    if (kind == READS_LSTM) {
        c = vec_load(s->c + at.unit);
        h = lstm_block(gates, &c, fast);
    } else if (kind == READS_GRU) {
        h = gru_block(gates, share_n, vec_load(s->h + at.unit), fast);
    } else {
        h = tanh_block(gates[0], fast);
    }
    if (at.units == LANES) {
        vec_store(fresh + at.unit, h);
        if (kind == READS_LSTM) vec_store(s->c + at.unit, c);
    } else {
        vec_store_part(fresh + at.unit, h, at.units);
        if (kind == READS_LSTM) vec_store_part(s->c + at.unit, c, at.units);
    }
}

/* A block whose every gate starts at a vector. */
INLINE void whole_block(const reader_kind kind, const int fast, const reader_cell *cell, block at, const operand *x,
                        const addend *row, reader_state *s, float *fresh) {
    const int gates = reader_gates(kind);
    vec init[4], sums[4], share_n = vec_set(0.0f);
#pragma GCC unroll 4
    for (int g = 0; g < gates; g++) init[g] = addend_at(row, (at.vector + g) * LANES);
    if (kind == READS_GRU) {
        share_n = init[2];
        init[2] = vec_load(cell->candidate_bias + at.unit);
    }
    panel_of(gates, gates == 1 ? 4 : 2, &cell->recurrent, at.vector, x, init, sums);
    activate(kind, fast, at, sums, share_n, s, fresh);
}

/* The last units of a large cell: their gates lie close together, and are taken apart again. */
INLINE void last_block(const reader_kind kind, const int fast, const reader_cell *cell, block at, const operand *x,
                       const addend *row, reader_state *s, float *fresh) {
    const int gates = reader_gates(kind);
    float room[5 * LANES] = {0};
    vec init[4], sums[4], apart[4], share_n = vec_set(0.0f);
    for (int64_t v = 0; v < at.vectors; v++) vec_store(room + v * LANES, addend_at(row, (at.vector + v) * LANES));
    if (kind == READS_GRU) {
        share_n = vec_load(room + 2 * at.units);
        memcpy(room + 2 * at.units, cell->candidate_bias + at.unit, (size_t)at.units * sizeof *room);
    }
    for (int64_t v = 0; v < at.vectors; v++) init[v] = vec_load(room + v * LANES);
    panel_any(at.vectors, &cell->recurrent, at.vector, x, init, sums);
    for (int64_t v = 0; v < at.vectors; v++) vec_store(room + v * LANES, sums[v]);
    for (int g = 0; g < gates; g++) apart[g] = vec_load(room + g * at.units);
    activate(kind, fast, at, apart, share_n, s, fresh);
}

/* All blocks of a cell. Every other step goes through them backwards, and begins with the block whose weights the
   step before has left in the nearest cache. */
INLINE void cell_step(const reader_kind kind, const int fast, const reader_cell *cell, const addend *row,
                      reader_state *s, const reader_room *room, int backwards) {
    const int64_t gates = reader_gates(kind);
    int64_t whole = cell->size / LANES, rest = cell->size % LANES;
    operand x = operand_of(&cell->recurrent, s->h, room->quantised);
    block last = {whole * LANES, rest, whole * gates, cell->columns / LANES - whole * gates};
    if (!whole) {
        /* Nothing else reads the old state, so the new one needs no place of its own. */
        whole_block(kind, fast, cell, last, &x, row, s, s->h);
        return;
    }
    int64_t at = backwards ? whole - 1 : 0;
    for (int64_t n = 0; n < whole; n++) {
        whole_block(kind, fast, cell, (block){at * LANES, LANES, at * gates, gates}, &x, row, s, room->fresh);
        at += backwards ? -1 : 1;
        if (n == whole / 2 && rest) last_block(kind, fast, cell, last, &x, row, s, room->fresh);
    }
    for (int64_t u = 0; u < whole * LANES; u += LANES) vec_store(s->h + u, vec_load(room->fresh + u));
    if (rest) vec_store_part(s->h + last.unit, vec_load(room->fresh + last.unit), rest);
}

/* The input's share of a cell's columns: a row of a table, or a product. */
static inline addend share_row(const reader_share *share, int32_t id, const float *input, const reader_room *room) {
    int64_t columns = share->inputs.columns;
    if (share->table && !share->is_bytes) return (addend){(const float *)(share->table + id * share->stride), NULL, 1};
    if (share->table) {
        addend row = {NULL, (const int8_t *)(share->table + id * share->stride), 1};
        memcpy(&row.scale, row.bytes + columns, sizeof row.scale);
        return row;
    }
    operand x = operand_of(&share->inputs, input, room->quantised);
    for (int64_t vector = 0, step; vector < columns / LANES; vector += step) {
        vec init[4], sums[4];
        step = columns / LANES - vector < 4 ? columns / LANES - vector : 4;
        for (int64_t v = 0; v < step; v++) init[v] = vec_load(share->bias + (vector + v) * LANES);
        panel_any(step, &share->inputs, vector, &x, init, sums);
        for (int64_t v = 0; v < step; v++) vec_store(room->row + (vector + v) * LANES, sums[v]);
    }
    return (addend){room->row, NULL, 1};
}

INLINE float dot_rows(int64_t padded, const float *weights, const float *x) {
    vec even = vec_set(0.0f), odd = vec_set(0.0f);
    int64_t u = 0;
    for (; u + 2 * LANES <= padded; u += 2 * LANES) {
        even = vec_fma(vec_load(weights + u), vec_load(x + u), even);
        odd = vec_fma(vec_load(weights + u + LANES), vec_load(x + u + LANES), odd);
    }
    if (u < padded) even = vec_fma(vec_load(weights + u), vec_load(x + u), even);
    return vec_sum(even + odd);
}

static float dot(int64_t padded, const float *a, const float *b) { return dot_rows(padded, a, b); }

INLINE float dot_state(const reader_layer *r, const reader_state *s, int64_t j) {
    return dot_rows(r->padded, r->decision + j * r->padded, s->h);
}

static inline float decision_share(const reader_layer *r, int64_t j, int32_t id, const float *input) {
    int64_t small = r->choices - 1;
    if (r->decision_table) return r->decision_table[id * small + j];
    float sum = r->decision_bias[j];
    for (int64_t k = 0; k < r->input_size; k++) sum += input[k] * r->decision_inputs[j * r->input_size + k];
    return sum;
}

/* The choice for log-odds of the small choices: the likeliest if together they pass the bound. */
static int64_t choose_of_many(const float *scores, int64_t count, float bound) {
    int64_t best = 0;
    double sum = 0;
    for (int64_t j = 1; j < count; j++)
        if (scores[j] > scores[best]) best = j;
    for (int64_t j = 0; j < count; j++) sum += exp((double)scores[j] - scores[best]);
    return scores[best] + log(sum) > bound ? 1 + best : 0;
}

#include "reader_ahead.h"

INLINE int64_t decide(const reader_layer *r, const reader_state *s, const reader_room *room, int32_t id,
                      const float *input, float *from_state) {
    if (r->choices == 1) return 0;
    if (r->choices == 2) {
        float share = decision_share(r, 0, id, input);
        *from_state = dot_state(r, s, 0);
        room->scores[0] = *from_state + share;
        return *from_state > r->bound - share;
    }
    for (int64_t j = 0; j < r->choices - 1; j++)
        room->scores[j] = dot_state(r, s, j) + decision_share(r, j, id, input);
    return choose_of_many(room->scores, r->choices - 1, r->bound);
}

INLINE void store_output(const reader_layer *r, const reader_state *s, const reader_task *t, int64_t at) {
    for (int64_t u = 0; u < r->hidden_size; u++)
        t->outputs[at * t->output_stride + u] = s->h[u] * r->hidden_scale;
}

INLINE void prefetch_row(const reader_share *share, int32_t id) {
    const char *row = share->table + id * share->stride;
    for (int64_t at = 0; at < share->stride; at += 64) __builtin_prefetch(row + at);
}

/* Brings the rows of a token that is read soon nearer: those of the small cells, and the large one's where the
   word alone, with what the state said last, calls for reading. */
INLINE void prefetch_token(const reader_layer *r, int32_t id, float from_state) {
    for (int64_t j = 1; j < r->choices; j++)
        if (r->cells[j].size) prefetch_row(&r->cells[j].share, id);
    if (r->choices != 2 || from_state + r->decision_table[id] <= r->bound) prefetch_row(&r->cells[0].share, id);
}

INLINE void read_tokens(const reader_kind kind, const int fast, const reader_layer *r, reader_state *s, const reader_room *room,
                        const reader_task *t) {
    const int64_t ahead = 4, small = r->choices - 1;
    /* Nothing is computed for a token that may turn out to be skimmed. */
    const int reads_all = t->inputs && r->choices == 1 && !r->cells[0].share.inputs.bytes;
    rows_there rows = {0, 0};
    float from_state = 0;
    for (int64_t at = 0; at < t->count; at++) {
        int32_t id = t->ids ? t->ids[at * t->ids_stride] : 0;
        const float *input = t->inputs ? t->inputs + at * t->input_stride : NULL;
        if (t->ids && at + ahead < t->count)
            prefetch_token(r, t->ids[(at + ahead) * t->ids_stride], from_state);
        int64_t choice = decide(r, s, room, id, input, &from_state);
        const reader_cell *cell = &r->cells[choice];
        if (cell->size) {
            addend row = reads_all ? row_ahead(&cell->share, room, t, at, &rows) : share_row(&cell->share, id, input, room);
            cell_step(kind, fast, cell, &row, s, room, (int)(s->counts[choice] & 1));
        }
        s->counts[choice]++;
        if (t->decisions) t->decisions[at * t->decision_stride] = choice;
        if (t->scores) memcpy(t->scores + at * t->score_stride, room->scores, (size_t)small * sizeof(float));
        if (t->outputs) store_output(r, s, t, at);
    }
}

static void read_task(const reader_layer *r, reader_state *s, const reader_room *room, const reader_task *t) {
    switch (2 * r->kind + r->fast) {
    case 2 * READS_LSTM: read_tokens(READS_LSTM, 0, r, s, room, t); break;
    case 2 * READS_LSTM + 1: read_tokens(READS_LSTM, 1, r, s, room, t); break;
    case 2 * READS_GRU: read_tokens(READS_GRU, 0, r, s, room, t); break;
    case 2 * READS_GRU + 1: read_tokens(READS_GRU, 1, r, s, room, t); break;
    case 2 * READS_TANH: read_tokens(READS_TANH, 0, r, s, room, t); break;
    default: read_tokens(READS_TANH, 1, r, s, room, t); break;
    }
}

#include "reader_sparse.h"

static void math(int64_t n, int fast, const float *x, float *tanh_x, float *sigmoid_x) {
    for (int64_t i = 0; i + LANES <= n; i += LANES) {
        vec y = vec_load(x + i) * vec_set(-1.44269504f), twice = vec_load(x + i) * vec_set(2.88539008f);
        vec_store(tanh_x + i, tanh_of(fast ? power_of_2_minus_1(twice, 1) : power_of_2_minus_1(twice, 0)));
        vec_store(sigmoid_x + i, sigmoid_of(fast ? power_of_2_minus_1(y, 1) : power_of_2_minus_1(y, 0)));
    }
}

/* What the kernels of this instruction set are, under a name. */
#define KERNELS(name) {LANES, name, read_task, read_units_task, dot, math}
