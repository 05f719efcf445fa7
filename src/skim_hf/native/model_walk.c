/* Reading that does not look at every token: jumps pass over tokens, a gate, a coin or a clock skips them.

   A direction goes through its text in runs of tokens that are all read, all skipped or all passed over. All layers of
   a stack read a run together, by the same loops that read whole texts. What is not read is not fetched either.
   Positions count in reading order, so a backward direction's are from the end. */
#include "model.h"

#include <math.h>
#include <string.h>

enum { PASSED_OVER = -1, READ = 0, SKIPPED = 1, AHEAD = 4 };

void skim_pointer_reset(const skim_model *m, skim_pointer *p) {
    *p = (skim_pointer){.level = 1, .step = 1, .left = m->jump_every};
}

/* The output function of splitmix64, of its state after n steps. */
static uint64_t mix(uint64_t n) {
    uint64_t z = n * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Whether a coin or a clock reads the token at a position of the text. */
static int is_read(const skim_model *m, int64_t position) {
    if (m->chooser == CHOICE_OF_COIN) return (double)(mix((uint64_t)position + 1) >> 11) * 0x1p-53 >= m->skip_rate;
    double keep = 1 - m->skip_rate;
    return floor((double)position * keep) > floor((double)(position - 1) * keep);
}

/* Where the memory of a run starts: its first token in the order of the text. */
static int64_t start_of(const skim_walk *walk, int64_t at, int64_t count) {
    return walk->direction ? walk->text.count - at - count : at;
}

/* Brings the row of a token that will be read nearer. */
static void prefetch(const skim_model *m, const skim_walk *walk, int64_t at) {
    const reader_layer *r = &m->layer[walk->first * m->directions + walk->direction];
    const reader_share *share = &r->cells[0].share;
    if (walk->first || !share->table) return;
    const char *row = share->table + walk->text.ids[start_of(walk, at, 1)] * share->stride;
    for (int64_t byte = 0; byte < share->stride; byte += 64) __builtin_prefetch(row + byte);
}

/* Takes the jump decision that is due before the token at a position is visited. */
static void jump(const skim_state *s, const skim_work *w, int64_t direction, int64_t position) {
    const skim_model *m = s->model;
    skim_pointer *p = &s->pointers[direction];
    int64_t reader = m->readers - m->directions + direction, best = 0;
    const reader_layer *r = &m->layer[reader];
    p->left = m->jump_every;
    p->next = INT64_MAX;
    if (p->jumps == m->jump_limit) return;
    for (int64_t j = 0; j <= m->jump_size; j++) {
        w->jump[j] = m->kernels->dot(r->padded, r->jump + j * r->padded, s->readers[reader].h) + r->jump_bias[j];
        if (w->jump[j] > w->jump[best]) best = j;
    }
    p->decisions++;
    if (!best) return;
    p->jumps++;
    p->next = position - 1 + best;
}

/* What a gate says after its layer has read a token. */
static void ask_gate(const skim_state *s, int64_t direction) {
    const skim_model *m = s->model;
    int64_t reader = m->readers - m->directions + direction;
    const reader_layer *r = &m->layer[reader];
    /* The gate of an LSTM sees c, that of other cells h, which their loop keeps as it is. */
    const float *seen = r->kind == READS_LSTM ? s->readers[reader].c : s->readers[reader].h;
    float sum = m->kernels->dot(r->padded, r->gate, seen) + r->gate_bias;
    s->pointers[direction].level = s->pointers[direction].step = 0.5f * tanhf(0.5f * sum) + 0.5f;
}

/* Stores the same score for the token at a position of every layer, if anybody wants it. */
static void store_level(const skim_model *m, const skim_walk *walk, int64_t at, float level, const skim_results *out) {
    int64_t token = start_of(walk, at, 1);
    for (int64_t layer = walk->first; out->scores && layer <= walk->last; layer++)
        out->scores[token * m->readers + layer * m->directions + walk->direction] = level;
}

/* How many of the next `count` tokens are treated as the first one is, and how. */
static int64_t next_run(const skim_model *m, skim_pointer *p, const skim_walk *walk, int64_t at, int64_t position,
                        int64_t count, int *choice, const skim_results *out) {
    int64_t run = 0;
    *choice = READ;
    if (m->chooser < CHOICE_OF_GATE) return count;
    if (m->chooser == CHOICE_OF_GATE) {
        for (; run < count && !(p->level > m->gate_bound); run++) {
            store_level(m, walk, at + run, p->level, out);
            p->level += p->step < 1 - p->level ? p->step : 1 - p->level;
        }
        if (run) return *choice = SKIPPED, run;
        store_level(m, walk, at, p->level, out);
        return 1;
    }
    int reads = is_read(m, position);
    if (!reads) *choice = SKIPPED;
    do run++;
    while (run < count && is_read(m, position + run) == reads);
    return run;
}

/* Asks for rows that are read soon: of a gate the one that is read now, of coins and clocks the next ones after a run
   that end before `end`. */
static void prefetch_run(const skim_model *m, const skim_walk *walk, int64_t at, int64_t run, int64_t position,
                         int64_t end) {
    if (m->chooser == CHOICE_OF_GATE) prefetch(m, walk, at);
    if (m->chooser <= CHOICE_OF_GATE) return;
    for (int64_t ahead = run; ahead < run + AHEAD && at + ahead < end; ahead++)
        if (is_read(m, position + ahead)) prefetch(m, walk, at + ahead);
}

static skim_results results_from(const skim_model *m, const skim_results *out, int64_t token) {
    return (skim_results){.decisions = out->decisions ? out->decisions + token * m->readers : NULL,
                          .scores = out->scores ? out->scores + token * m->readers * (m->choices - 1) : NULL,
                          .units = out->units ? out->units + token * m->readers : NULL};
}

/* Where the outputs of a layer go; NULL where nobody asks for them. */
static float *outputs_of(const skim_model *m, const skim_work *w, int64_t layer, const skim_results *out) {
    int is_wanted = layer < m->layers - 1 || skim_wants_top(m, out);
    return is_wanted ? w->outputs[layer % 2] : NULL;
}

/* Takes a run through the layers. */
static void read_run(skim_state *s, const skim_work *w, const skim_walk *walk, int64_t at, int64_t run,
                     const skim_results *out) {
    const skim_model *m = s->model;
    int64_t token = start_of(walk, at, run), width = m->directions * m->hidden_size;
    skim_text text = {walk->text.ids ? walk->text.ids + token : NULL,
                      walk->text.frames ? walk->text.frames + token * m->embedding_size : NULL, run};
    const float *inputs = walk->first ? walk->inputs + token * width : skim_inputs(m, w, &text);
    skim_results here = results_from(m, out, token);
    if (m->chooser >= CHOICE_OF_GATE) here.scores = NULL;
    for (int64_t layer = walk->first; layer <= walk->last; layer++) {
        float *outputs = outputs_of(m, w, layer, out);
        if (outputs) outputs += token * width;
        skim_run_reader(s, w, layer, walk->direction, &text, inputs, layer ? width : m->embedding_size, outputs,
                        &here);
        inputs = outputs;
    }
}

/* Leaves the state as it is for a run, and says so. */
static void leave_run(skim_state *s, const skim_work *w, const skim_walk *walk, int64_t at, int64_t run, int choice,
                      const skim_results *out) {
    const skim_model *m = s->model;
    int64_t token = start_of(walk, at, run), small = m->choices - 1, d = m->hidden_size;
    for (int64_t layer = walk->first; layer <= walk->last; layer++) {
        int64_t reader = layer * m->directions + walk->direction;
        if (choice == SKIPPED) s->readers[reader].counts[SKIPPED] += run;
        for (int64_t t = token; t < token + run; t++) {
            if (out->decisions) out->decisions[t * m->readers + reader] = choice;
            if (out->units) out->units[t * m->readers + reader] = 0;
            if (out->scores && choice == PASSED_OVER)
                memset(out->scores + (t * m->readers + reader) * small, 0, (size_t)small * sizeof(float));
        }
    }
    float *outputs = outputs_of(m, w, walk->last, out);
    int64_t last = walk->last * m->directions + walk->direction;
    for (int64_t t = token; outputs && t < token + run; t++)
        for (int64_t u = 0; u < d; u++)
            outputs[t * m->directions * d + walk->direction * d + u] =
                s->readers[last].h[u] * m->layer[last].hidden_scale;
}

void skim_walk_text(skim_state *s, skim_work *w, const skim_walk *walk, const skim_results *out) {
    const skim_model *m = s->model;
    skim_pointer *p = &s->pointers[walk->direction];
    int64_t count = walk->text.count, width = m->directions * m->hidden_size, first = walk->direction * m->hidden_size;
    const float *outputs = walk->last == m->layers - 1 ? outputs_of(m, w, walk->last, out) : NULL;
    for (int64_t at = 0, run; at < count; at += run) {
        int64_t position = s->tokens + at, left = count - at;
        int choice = PASSED_OVER;
        if (m->jump_every && !p->left) jump(s, w, walk->direction, position);
        if (p->next > position) {
            run = p->next - position < left ? p->next - position : left;
            leave_run(s, w, walk, at, run, choice, out);
            continue;
        }
        if (m->jump_every && p->left < left) left = p->left;
        run = next_run(m, p, walk, at, position, left, &choice, out);
        if (choice == READ) {
            prefetch_run(m, walk, at, run, position, at + left);
            read_run(s, w, walk, at, run, out);
            if (m->chooser == CHOICE_OF_GATE) ask_gate(s, walk->direction);
        } else {
            leave_run(s, w, walk, at, run, choice, out);
        }
        if (outputs) skim_pool(s, outputs + start_of(walk, at, run) * width + first, run, width, first, m->hidden_size);
        if (m->jump_every) p->left -= run;
    }
}
