/* Where a text's reading stands, and the room that reading needs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

/* Floats of one state, h or c; none without layers. */
static int64_t padded_of(const skim_model *m) { return m->layers ? m->layer[0].padded : 0; }

skim_state *skim_state_new(const skim_model *m) {
    skim_state *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    int64_t padded = padded_of(m);
    s->model = m;
    s->readers = calloc((size_t)m->readers + 1, sizeof *s->readers);
    s->pointers = calloc((size_t)m->directions, sizeof *s->pointers);
    s->units = skim_allocate(m->readers * 2 * padded, sizeof *s->units);
    s->counts = calloc((size_t)(m->readers * m->choices) + 1, sizeof *s->counts);
    s->pool = calloc((size_t)m->width, sizeof *s->pool);
    if (!s->readers || !s->pointers || !s->units || !s->counts || !s->pool) {
        skim_state_free(s);
        return NULL;
    }
    for (int64_t r = 0; r < m->readers; r++)
        s->readers[r] = (reader_state){s->units + 2 * r * padded, s->units + (2 * r + 1) * padded,
                                       s->counts + r * m->choices, 0};
    skim_state_reset(s);
    return s;
}

void skim_state_free(skim_state *s) {
    if (!s) return;
    free(s->readers);
    free(s->pointers);
    free(s->units);
    free(s->counts);
    free(s->pool);
    free(s);
}

void skim_state_reset(skim_state *s) {
    const skim_model *m = s->model;
    size_t row = (size_t)(2 * padded_of(m)) * sizeof *s->units;
    memset(s->units, 0, (size_t)m->readers * row);
    memset(s->counts, 0, (size_t)(m->readers * m->choices) * sizeof *s->counts);
    for (int64_t r = 0; r < m->readers; r++) {
        s->readers[r].units = 0;
        /* h and c lie one behind the other. */
        if (m->layer[r].initial) memcpy(s->readers[r].h, m->layer[r].initial, row);
    }
    for (int64_t i = 0; i < m->directions; i++) skim_pointer_reset(m, &s->pointers[i]);
    for (int64_t u = 0; u < m->width; u++) s->pool[u] = m->pooling == POOL_MAX ? -INFINITY : 0;
    s->tokens = 0;
}

/* Calls `each(state part, bytes)` for everything that a state consists of, padding left out. */
#define FOR_EACH_PART(s, each)                                                       \
    do {                                                                             \
        size_t units_ = (size_t)(s)->model->hidden_size * sizeof(float);             \
        for (int64_t r_ = 0; r_ < (s)->model->readers; r_++) {                       \
            each((s)->readers[r_].h, units_);                                        \
            each((s)->readers[r_].c, units_);                                        \
            if ((s)->model->chooser == CHOICE_OF_UNITS) each(&(s)->readers[r_].units, sizeof(int64_t)); \
        }                                                                            \
        for (int64_t i_ = 0; skim_is_walked((s)->model) && i_ < (s)->model->directions; i_++) \
            each(&(s)->pointers[i_], sizeof *(s)->pointers);                         \
        each((s)->counts, (size_t)((s)->model->readers * (s)->model->choices) * sizeof *(s)->counts); \
        each((s)->pool, (size_t)((s)->model->width) * sizeof *(s)->pool); \
        each(&(s)->tokens, sizeof (s)->tokens);                                      \
    } while (0)

void skim_state_copy(skim_state *to, const skim_state *from) {
    const skim_model *m = from->model;
    memcpy(to->units, from->units, (size_t)(m->readers * 2 * padded_of(m)) * sizeof *to->units);
    memcpy(to->counts, from->counts, (size_t)(m->readers * m->choices) * sizeof *to->counts);
    memcpy(to->pool, from->pool, (size_t)m->width * sizeof *to->pool);
    memcpy(to->pointers, from->pointers, (size_t)m->directions * sizeof *to->pointers);
    for (int64_t r = 0; r < m->readers; r++) to->readers[r].units = from->readers[r].units;
    to->tokens = from->tokens;
}

size_t skim_state_size(const skim_model *m) {
    size_t size = (size_t)(m->readers * 2 * m->hidden_size) * sizeof(float) +
                  (size_t)(m->readers * m->choices) * sizeof(int64_t) + (size_t)m->width * sizeof(double) +
                  sizeof(int64_t);
    if (m->chooser == CHOICE_OF_UNITS) size += (size_t)m->readers * sizeof(int64_t);
    return skim_is_walked(m) ? size + (size_t)m->directions * sizeof(skim_pointer) : size;
}

void skim_state_save(const skim_state *s, unsigned char *to) {
#define SAVE(part, bytes) (memcpy(to, part, bytes), to += (bytes))
    FOR_EACH_PART(s, SAVE);
#undef SAVE
}

/* Whether a reader's counts and sums of units are those of at most so many tokens; all of them unless some may be
   passed over. */
static int is_possible_reader(const skim_state *s, int64_t r) {
    const skim_model *m = s->model;
    const reader_state *reader = &s->readers[r];
    int64_t left = s->tokens;
    for (int64_t u = 0; u < m->hidden_size; u++)
        if (!isfinite(reader->h[u]) || !isfinite(reader->c[u])) return 0;
    for (int64_t j = 0; j < m->choices; j++) {
        if (reader->counts[j] < 0 || reader->counts[j] > left) return 0;
        left -= reader->counts[j];
    }
    /* As many units as tokens that updated some, at least, and all of theirs at most. */
    if (m->chooser == CHOICE_OF_UNITS &&
        (reader->units < reader->counts[0] || reader->units / m->hidden_size > reader->counts[0]))
        return 0;
    return m->jump_every ? !s->tokens || left < s->tokens : !left;
}

static int is_possible_pointer(const skim_state *s, const skim_pointer *p) {
    const skim_model *m = s->model;
    if (!isfinite(p->level) || !isfinite(p->step) || p->level < 0 || p->step < 0) return 0;
    return p->left >= 0 && p->left <= m->jump_every && p->next >= 0 && p->jumps >= 0 && p->jumps <= m->jump_limit &&
           p->decisions >= p->jumps && p->decisions <= p->jumps + 1;
}

static int is_possible(const skim_state *s) {
    const skim_model *m = s->model;
    /* No text is that long, and counting on must not overflow. */
    if (s->tokens < 0 || s->tokens > INT64_MAX / (2 * m->hidden_size)) return 0;
    for (int64_t r = 0; r < m->readers; r++)
        if (!is_possible_reader(s, r)) return 0;
    for (int64_t i = 0; i < m->directions; i++)
        if (!is_possible_pointer(s, &s->pointers[i])) return 0;
    /* The maximum of no outputs is minus infinity. */
    for (int64_t u = 0; s->tokens && u < m->width; u++)
        if (!isfinite(s->pool[u])) return 0;
    return 1;
}

int skim_state_load(skim_state *s, const unsigned char *from) {
#define LOAD(part, bytes) (memcpy(part, from, bytes), from += (bytes))
    FOR_EACH_PART(s, LOAD);
#undef LOAD
    return is_possible(s) ? 0 : -1;
}

skim_work *skim_work_new(const skim_model *m) {
    skim_work *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    int64_t padded = padded_of(m), columns = padded, depth = padded;
    for (int64_t r = 0; r < m->readers; r++) {
        const reader_layer *layer = &m->layer[r];
        if (layer->input_size > depth) depth = layer->input_size;
        for (int64_t j = 0; layer->cells && j < layer->choices; j++)
            if (layer->cells[j].columns > columns) columns = layer->cells[j].columns;
    }
    int64_t chosen = m->chooser == CHOICE_OF_UNITS ? padded : 0;
    w->room = (reader_room){skim_floats(columns), skim_floats(padded), skim_floats(m->choices), skim_allocate(depth + 64, 1),
                            skim_floats((MAX_GATES + 2) * chosen), skim_allocate(chosen, sizeof(int32_t)),
                            skim_floats(MOST_ROWS * columns)};
    w->pooled = skim_floats(m->width);
    w->logits = skim_floats(m->labels);
    w->jump = skim_floats(m->jump_every ? m->jump_size + 1 : 0);
    if (w->room.row && w->room.fresh && w->room.scores && w->room.quantised && w->room.chosen && w->room.list && w->room.rows &&
        w->pooled && w->logits && w->jump)
        return w;
    skim_work_free(w);
    return NULL;
}

void skim_work_free(skim_work *w) {
    if (!w) return;
    free(w->room.row);
    free(w->room.fresh);
    free(w->room.scores);
    free(w->room.quantised);
    free(w->room.chosen);
    free(w->room.list);
    free(w->room.rows);
    free(w->outputs[0]);
    free(w->outputs[1]);
    free(w->vectors);
    free(w->pooled);
    free(w->logits);
    free(w->jump);
    free(w);
}
