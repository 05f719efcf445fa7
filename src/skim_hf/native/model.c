/* Layers, directions, pooling and scores. */
#include "model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t width_of(const skim_model *m) { return m->directions * m->hidden_size; }

/* Grows the buffers to hold so many tokens. */
static int make_room(skim_work *w, const skim_model *m, int64_t tokens) {
    if (tokens <= w->tokens) return 0;
    for (int i = 0; i < 2; i++) {
        free(w->outputs[i]);
        w->outputs[i] = NULL;
    }
    free(w->vectors);
    w->tokens = 0;
    w->vectors = NULL;
    int64_t most = m->layers > 1 ? 2 : 1;
    for (int64_t i = 0; i < most; i++)
        if (!(w->outputs[i] = skim_allocate(tokens, width_of(m) * (int64_t)sizeof(float)))) return -1;
    if (m->embedding && !(w->vectors = skim_allocate(tokens, m->embedding_size * (int64_t)sizeof(float)))) return -1;
    w->tokens = tokens;
    return 0;
}

/* Adds the top layer's outputs [count, width] to what is pooled. */
static void pool(skim_state *s, const float *outputs, int64_t count) {
    const skim_model *m = s->model;
    int64_t width = width_of(m);
    if (m->pooling == POOL_LAST) return;
    for (int64_t t = 0; t < count; t++)
        for (int64_t u = 0; u < width; u++) {
            double value = outputs[t * width + u];
            if (m->pooling == POOL_MEAN)
                s->pool[u] += value;
            else if (!(value <= s->pool[u]))
                s->pool[u] = value;
        }
}

static void classify(const skim_model *m, const float *vector, float *logits) {
    int64_t width = width_of(m);
    for (int64_t label = 0; label < m->labels; label++) {
        const float *weights = m->classifier + label * width;
        float sum = 0;
        for (int64_t u = 0; u < width; u++) sum += weights[u] * vector[u];
        logits[label] = sum + m->bias[label];
    }
}

/* One direction of one layer over `count` tokens. */
static void run_reader(skim_state *s, const skim_work *w, int64_t layer, int64_t direction, const int32_t *ids,
                       const float *inputs, int64_t input_width, int64_t count, float *outputs,
                       const skim_results *out) {
    const skim_model *m = s->model;
    int64_t reader = layer * m->directions + direction, width = width_of(m), small = m->choices - 1;
    int64_t sign = direction ? -1 : 1, first = direction ? count - 1 : 0;
    reader_task task = {.count = count};
    if (inputs) {
        task.inputs = inputs + first * input_width;
        task.input_stride = sign * input_width;
    } else {
        task.ids = ids + first;
        task.ids_stride = sign;
    }
    if (out->decisions) {
        task.decisions = out->decisions + first * m->readers + reader;
        task.decision_stride = sign * m->readers;
    }
    if (out->scores && small) {
        task.scores = out->scores + (first * m->readers + reader) * small;
        task.score_stride = sign * m->readers * small;
    }
    if (outputs) {
        task.outputs = outputs + first * width + direction * m->hidden_size;
        task.output_stride = sign * width;
    }
    m->kernels->read(&m->layer[reader], &s->readers[reader], &w->room, &task);
}

/* All layers over `count` tokens, from the readers' current states. */
static int run_layers(skim_state *s, skim_work *w, const int32_t *ids, int64_t count, const skim_results *out) {
    const skim_model *m = s->model;
    const float *inputs = NULL;
    int64_t input_width = m->embedding_size, width = width_of(m);
    int wants_top = m->pooling != POOL_LAST || out->logits;
    if (!count) return 0;
    if ((wants_top || m->layers > 1 || m->embedding) && make_room(w, m, count)) return -1;
    if (m->embedding) {
        for (int64_t t = 0; t < count; t++)
            memcpy(w->vectors + t * m->embedding_size, m->embedding + ids[t] * m->embedding_size,
                   (size_t)m->embedding_size * sizeof(float));
        inputs = w->vectors;
    }
    for (int64_t layer = 0; layer < m->layers; layer++) {
        int is_top = layer == m->layers - 1;
        float *outputs = is_top && !wants_top ? NULL : w->outputs[layer % 2];
        for (int64_t direction = 0; direction < m->directions; direction++)
            run_reader(s, w, layer, direction, ids, inputs, input_width, count, outputs, out);
        inputs = outputs;
        input_width = width;
    }
    if (wants_top) pool(s, inputs, count);
    for (int64_t t = 0; out->logits && t < count; t++) classify(m, inputs + t * width, out->logits + t * m->labels);
    s->tokens += count;
    return 0;
}

int skim_feed(skim_state *s, skim_work *w, const int32_t *ids, int64_t count, const skim_results *out) {
    const skim_model *m = s->model;
    for (int64_t start = 0; start < count; start += CHUNK_TOKENS) {
        int64_t left = count - start, part = left < CHUNK_TOKENS ? left : CHUNK_TOKENS;
        skim_results here = {out->decisions ? out->decisions + start * m->readers : NULL,
                             out->scores ? out->scores + start * m->readers * (m->choices - 1) : NULL,
                             out->logits ? out->logits + start * m->labels : NULL};
        if (run_layers(s, w, ids + start, part, &here)) return -1;
    }
    return 0;
}

int skim_read(skim_state *s, skim_work *w, const int32_t *ids, int64_t count, const skim_results *out) {
    skim_state_reset(s);
    /* A backward reader starts at the end, so its layers need the whole text. */
    return s->model->directions == 1 ? skim_feed(s, w, ids, count, out) : run_layers(s, w, ids, count, out);
}

void skim_logits(const skim_state *s, skim_work *w, float *logits) {
    const skim_model *m = s->model;
    int64_t d = m->hidden_size;
    for (int64_t direction = 0; direction < m->directions; direction++) {
        int64_t reader = m->readers - m->directions + direction;
        float scale = m->layer[reader].hidden_scale;
        for (int64_t u = 0; u < d; u++) {
            double value = s->readers[reader].h[u] * scale;
            if (m->pooling != POOL_LAST && s->tokens)
                value = m->pooling == POOL_MEAN ? s->pool[direction * d + u] / (double)s->tokens
                                                : s->pool[direction * d + u];
            w->pooled[direction * d + u] = (float)value;
        }
    }
    classify(m, w->pooled, logits);
}

void skim_scores(const skim_model *m, float *x) {
    if (m->scoring == SCORE_NONE) return;
    if (m->scoring == SCORE_SIGMOID) {
        for (int64_t i = 0; i < m->labels; i++) x[i] = 0.5f * tanhf(0.5f * x[i]) + 0.5f;
        return;
    }
    float most = x[0], sum = 0;
    for (int64_t i = 1; i < m->labels; i++) most = x[i] > most ? x[i] : most;
    for (int64_t i = 0; i < m->labels; i++) sum += x[i] = expf(x[i] - most);
    for (int64_t i = 0; i < m->labels; i++) x[i] /= sum;
}
