/* What a model and its readings own: packed weights, states and room for work. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

enum { ALIGNMENT = 64 };

void *skim_allocate(int64_t count, int64_t size) {
    const int64_t most = SIZE_MAX > INT64_MAX ? INT64_MAX / 2 : (int64_t)(SIZE_MAX / 2);
    if (count < 0 || size < 0 || (size && count > most / size)) return NULL;
    /* A row more than asked for, because the last vector of a table may reach past its end. */
    size_t bytes = ((size_t)(count * size) / ALIGNMENT + 2) * ALIGNMENT;
    void *made = aligned_alloc(ALIGNMENT, bytes);
    if (made) memset(made, 0, bytes);
    return made;
}

static float *floats(int64_t count) { return skim_allocate(count, sizeof(float)); }

/* Largest number of a column, for its scale. */
static float column_largest(const float *from, int64_t depth, int64_t columns, int64_t column) {
    float most = 0;
    for (int64_t k = 0; k < depth; k++) {
        float value = fabsf(from[k * columns + column]);
        most = value > most ? value : most;
    }
    return most;
}

/* Packs `width` columns from `first` on, and returns nothing but their bytes or floats. */
static void pack_panel(reader_product *p, const float *from, int64_t first, int64_t width) {
    if (p->weights) {
        float *to = p->weights + first * p->depth;
        for (int64_t k = 0; k < p->depth; k++)
            for (int64_t c = 0; c < width; c++) *to++ = from[k * p->columns + first + c];
        return;
    }
    int8_t *to = p->bytes + first * ((p->depth + 3) / 4 * 4);
    for (int64_t c = 0; c < width; c++) {
        float most = column_largest(from, p->depth, p->columns, first + c), scale = most / 127.0f;
        int32_t sum = 0;
        for (int64_t k = 0; k < p->depth; k++) {
            float value = from[k * p->columns + first + c];
            int32_t rounded = scale > 0 ? (int32_t)lrintf(value / scale) : 0;
            rounded = rounded > 127 ? 127 : rounded < -127 ? -127 : rounded;
            to[k / 4 * width * 4 + c * 4 + k % 4] = (int8_t)rounded;
            sum += rounded;
        }
        p->scales[first + c] = scale;
        p->offsets[first + c] = -128 * sum;
    }
}

static int start_product(reader_product *p, int64_t depth, int64_t columns, int quantised) {
    p->depth = depth;
    p->columns = columns;
    if (!quantised) return (p->weights = skim_allocate(depth, columns * (int64_t)sizeof(float))) ? 0 : -1;
    p->bytes = skim_allocate((depth + 3) / 4 * 4, columns);
    p->scales = floats(columns);
    p->offsets = skim_allocate(columns, sizeof(int32_t));
    return p->bytes && p->scales && p->offsets ? 0 : -1;
}

int skim_pack(reader_product *p, const skim_model *m, reader_kind kind, int64_t size, int64_t depth, int quantised,
              const float *from) {
    int64_t lanes = m->kernels->lanes, columns = reader_columns(kind, size, lanes);
    if (start_product(p, depth, columns, quantised)) return -1;
    for (int64_t vector = 0, step; vector < columns / lanes; vector += step) {
        step = reader_panel(kind, size, lanes, vector);
        pack_panel(p, from, vector * lanes, step * lanes);
    }
    return 0;
}

int skim_pack_plain(reader_product *p, const skim_model *m, int64_t depth, int64_t columns, int quantised,
                    const float *from) {
    int64_t panel = 4 * m->kernels->lanes;
    if (start_product(p, depth, columns, quantised)) return -1;
    for (int64_t first = 0; first < columns; first += panel)
        pack_panel(p, from, first, columns - first < panel ? columns - first : panel);
    return 0;
}

static void free_product(reader_product *p) {
    free(p->weights);
    free(p->bytes);
    free(p->scales);
    free(p->offsets);
}

void skim_model_free(skim_model *m) {
    for (int64_t r = 0; m->layer && r < m->readers; r++) {
        reader_layer *layer = &m->layer[r];
        for (int64_t j = 0; layer->cells && j < layer->choices; j++) {
            free_product(&layer->cells[j].recurrent);
            free_product(&layer->cells[j].share.inputs);
            free(layer->cells[j].share.bias);
            free(layer->cells[j].candidate_bias);
        }
        free(layer->cells);
        free(layer->decision);
        free(layer->decision_inputs);
        free(layer->decision_bias);
    }
    free(m->layer);
    free(m->classifier);
    free(m->bias);
    memset(m, 0, sizeof *m);
}

skim_state *skim_state_new(const skim_model *m) {
    skim_state *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    int64_t padded = m->layer[0].padded;
    s->model = m;
    s->readers = calloc((size_t)m->readers, sizeof *s->readers);
    s->units = floats(m->readers * 2 * padded);
    s->counts = calloc((size_t)(m->readers * m->choices), sizeof *s->counts);
    s->pool = calloc((size_t)(m->directions * m->hidden_size), sizeof *s->pool);
    if (!s->readers || !s->units || !s->counts || !s->pool) {
        skim_state_free(s);
        return NULL;
    }
    for (int64_t r = 0; r < m->readers; r++)
        s->readers[r] = (reader_state){s->units + 2 * r * padded, s->units + (2 * r + 1) * padded,
                                       s->counts + r * m->choices};
    skim_state_reset(s);
    return s;
}

void skim_state_free(skim_state *s) {
    if (!s) return;
    free(s->readers);
    free(s->units);
    free(s->counts);
    free(s->pool);
    free(s);
}

void skim_state_reset(skim_state *s) {
    const skim_model *m = s->model;
    memset(s->units, 0, (size_t)(m->readers * 2 * m->layer[0].padded) * sizeof *s->units);
    memset(s->counts, 0, (size_t)(m->readers * m->choices) * sizeof *s->counts);
    for (int64_t u = 0; u < m->directions * m->hidden_size; u++) s->pool[u] = m->pooling == POOL_MAX ? -INFINITY : 0;
    s->tokens = 0;
}

/* Calls `each(state part, bytes)` for everything that a state consists of, padding left out. */
#define FOR_EACH_PART(s, each)                                                       \
    do {                                                                             \
        size_t units_ = (size_t)(s)->model->hidden_size * sizeof(float);             \
        for (int64_t r_ = 0; r_ < (s)->model->readers; r_++) {                       \
            each((s)->readers[r_].h, units_);                                        \
            each((s)->readers[r_].c, units_);                                        \
        }                                                                            \
        each((s)->counts, (size_t)((s)->model->readers * (s)->model->choices) * sizeof *(s)->counts); \
        each((s)->pool, (size_t)((s)->model->directions * (s)->model->hidden_size) * sizeof *(s)->pool); \
        each(&(s)->tokens, sizeof (s)->tokens);                                      \
    } while (0)

void skim_state_copy(skim_state *to, const skim_state *from) {
    const skim_model *m = from->model;
    memcpy(to->units, from->units, (size_t)(m->readers * 2 * m->layer[0].padded) * sizeof *to->units);
    memcpy(to->counts, from->counts, (size_t)(m->readers * m->choices) * sizeof *to->counts);
    memcpy(to->pool, from->pool, (size_t)(m->directions * m->hidden_size) * sizeof *to->pool);
    to->tokens = from->tokens;
}

size_t skim_state_size(const skim_model *m) {
    return (size_t)(m->readers * 2 * m->hidden_size) * sizeof(float) +
           (size_t)(m->readers * m->choices) * sizeof(int64_t) +
           (size_t)(m->directions * m->hidden_size) * sizeof(double) + sizeof(int64_t);
}

void skim_state_save(const skim_state *s, unsigned char *to) {
#define SAVE(part, bytes) (memcpy(to, part, bytes), to += (bytes))
    FOR_EACH_PART(s, SAVE);
#undef SAVE
}

static int is_possible(const skim_state *s) {
    const skim_model *m = s->model;
    /* No text is that long, and counting on must not overflow. */
    if (s->tokens < 0 || s->tokens > INT64_MAX / 2) return 0;
    for (int64_t r = 0; r < m->readers; r++) {
        int64_t left = s->tokens;
        for (int64_t u = 0; u < m->hidden_size; u++)
            if (!isfinite(s->readers[r].h[u]) || !isfinite(s->readers[r].c[u])) return 0;
        for (int64_t j = 0; j < m->choices; j++) {
            int64_t count = s->readers[r].counts[j];
            if (count < 0 || count > left) return 0;
            left -= count;
        }
        if (left) return 0;
    }
    /* The maximum of no outputs is minus infinity. */
    for (int64_t u = 0; s->tokens && u < m->directions * m->hidden_size; u++)
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
    int64_t columns = 0, depth = m->layer[0].padded;
    for (int64_t r = 0; r < m->readers; r++) {
        if (m->layer[r].input_size > depth) depth = m->layer[r].input_size;
        for (int64_t j = 0; j < m->choices; j++)
            if (m->layer[r].cells[j].columns > columns) columns = m->layer[r].cells[j].columns;
    }
    w->room = (reader_room){floats(columns), floats(m->layer[0].padded), floats(m->choices),
                            skim_allocate(depth + 64, 1)};
    w->pooled = floats(m->directions * m->hidden_size);
    w->logits = floats(m->labels);
    if (w->room.row && w->room.fresh && w->room.scores && w->room.quantised && w->pooled && w->logits) return w;
    skim_work_free(w);
    return NULL;
}

void skim_work_free(skim_work *w) {
    if (!w) return;
    free(w->room.row);
    free(w->room.fresh);
    free(w->room.scores);
    free(w->room.quantised);
    free(w->outputs[0]);
    free(w->outputs[1]);
    free(w->vectors);
    free(w->pooled);
    free(w->logits);
    free(w);
}
