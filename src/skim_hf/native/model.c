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
    int64_t most = m->layers > 1 ? 2 : m->layers;
    for (int64_t i = 0; i < most; i++)
        if (!(w->outputs[i] = skim_allocate(tokens, width_of(m) * (int64_t)sizeof(float)))) return -1;
    if (m->embedding && !(w->vectors = skim_allocate(tokens, m->embedding_size * (int64_t)sizeof(float)))) return -1;
    w->tokens = tokens;
    return 0;
}

void skim_pool(skim_state *s, const float *outputs, int64_t count, int64_t stride, int64_t first, int64_t units) {
    pooling_kind pooling = s->model->pooling;
    double *pool = s->pool + first;
    if (pooling == POOL_LAST) return;
    for (int64_t t = 0; t < count; t++)
        for (int64_t u = 0; u < units; u++) {
            double value = outputs[t * stride + u];
            if (pooling == POOL_MEAN)
                pool[u] += value;
            else if (!(value <= pool[u]))
                pool[u] = value;
        }
}

static void classify(const skim_model *m, const float *vector, float *logits) {
    int64_t width = m->width;
    for (int64_t label = 0; label < m->labels; label++) {
        const float *weights = m->classifier + label * width;
        float sum = 0;
        for (int64_t u = 0; u < width; u++) sum += weights[u] * vector[u];
        logits[label] = sum + m->bias[label];
    }
}

void skim_run_reader(skim_state *s, const skim_work *w, int64_t layer, int64_t direction, const skim_text *text,
                     const float *inputs, int64_t input_width, float *outputs, const skim_results *out) {
    const skim_model *m = s->model;
    int64_t reader = layer * m->directions + direction, width = width_of(m), small = m->choices - 1;
    int64_t sign = direction ? -1 : 1, first = direction ? text->count - 1 : 0;
    reader_task task = {.count = text->count};
    if (inputs) {
        task.inputs = inputs + first * input_width;
        task.input_stride = sign * input_width;
    } else {
        task.ids = text->ids + first;
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
    if (out->units) {
        task.units = out->units + first * m->readers + reader;
        task.units_stride = sign * m->readers;
    }
    if (outputs) {
        task.outputs = outputs + first * width + direction * m->hidden_size;
        task.output_stride = sign * width;
    }
    (m->chooser == CHOICE_OF_UNITS ? m->kernels->read_units : m->kernels->read)(&m->layer[reader], &s->readers[reader],
                                                                               &w->room, &task);
}

const float *skim_inputs(const skim_model *m, const skim_work *w, const skim_text *text) {
    if (m->frames || !m->embedding) return text->frames;
    for (int64_t t = 0; t < text->count; t++)
        memcpy(w->vectors + t * m->embedding_size, m->embedding + text->ids[t] * m->embedding_size,
               (size_t)m->embedding_size * sizeof(float));
    return w->vectors;
}

/* All layers over a piece of a text, from the readers' current states. */
static int run_layers(skim_state *s, skim_work *w, skim_text text, const skim_results *out) {
    const skim_model *m = s->model;
    int64_t input_width = m->embedding_size, width = width_of(m);
    int wants_top = skim_wants_top(m, out), walks = skim_is_walked(m);
    if (!text.count) return 0;
    if ((wants_top || m->layers > 1 || m->embedding) && make_room(w, m, text.count)) return -1;
    const float *inputs = walks ? NULL : skim_inputs(m, w, &text);
    /* A gate or jumps of a stack, which reads in one direction, need what the top layer made of the token before. */
    int64_t together = walks && m->directions == 1 ? m->layers : 1;
    for (int64_t layer = 0; layer < m->layers; layer += together) {
        int64_t last = layer + together - 1;
        float *outputs = last == m->layers - 1 && !wants_top ? NULL : w->outputs[last % 2];
        for (int64_t direction = 0; direction < m->directions; direction++)
            if (walks)
                skim_walk_text(s, w, &(skim_walk){direction, layer, last, text, inputs}, out);
            else
                skim_run_reader(s, w, layer, direction, &text, inputs, input_width, outputs, out);
        inputs = outputs;
        input_width = width;
    }
    if (wants_top && !walks) skim_pool(s, inputs, text.count, m->width, 0, m->width);
    for (int64_t t = 0; out->logits && t < text.count; t++)
        classify(m, inputs + t * m->width, out->logits + t * m->labels);
    if (out->outputs) memcpy(out->outputs, inputs, (size_t)(text.count * m->width) * sizeof(float));
    s->tokens += text.count;
    return 0;
}

int skim_feed(skim_state *s, skim_work *w, skim_text text, const skim_results *out) {
    const skim_model *m = s->model;
    for (int64_t start = 0; start < text.count; start += CHUNK_TOKENS) {
        int64_t left = text.count - start;
        skim_text part = {text.ids ? text.ids + start : NULL,
                          text.frames ? text.frames + start * m->embedding_size : NULL,
                          left < CHUNK_TOKENS ? left : CHUNK_TOKENS};
        skim_results here = {out->decisions ? out->decisions + start * m->readers : NULL,
                             out->scores ? out->scores + start * m->readers * (m->choices - 1) : NULL,
                             out->logits ? out->logits + start * m->labels : NULL,
                             out->units ? out->units + start * m->readers : NULL,
                             out->outputs ? out->outputs + start * m->width : NULL};
        if (run_layers(s, w, part, &here)) return -1;
    }
    return 0;
}

int skim_read(skim_state *s, skim_work *w, skim_text text, const skim_results *out) {
    skim_state_reset(s);
    /* A backward reader starts at the end, so its layers need the whole text. */
    return s->model->directions == 1 ? skim_feed(s, w, text, out) : run_layers(s, w, text, out);
}

/* How many tokens of a direction are pooled: those that no jump passed over. */
static int64_t visited(const skim_state *s, int64_t direction) {
    const skim_model *m = s->model;
    int64_t count = 0;
    if (!m->jump_every) return s->tokens;
    for (int64_t j = 0; j < m->choices; j++) count += s->readers[m->readers - m->directions + direction].counts[j];
    return count;
}

/* What the classifier sees of one direction's unit; zeros where nothing was pooled. */
static double pooled_unit(const skim_state *s, int64_t direction, int64_t unit, int64_t tokens) {
    const skim_model *m = s->model;
    int64_t reader = m->readers - m->directions + direction;
    if (m->pooling == POOL_LAST) return m->layers ? s->readers[reader].h[unit] * m->layer[reader].hidden_scale : 0;
    double value = s->pool[direction * (m->width / m->directions) + unit];
    return !tokens ? 0 : m->pooling == POOL_MEAN ? value / (double)tokens : value;
}

void skim_logits(const skim_state *s, skim_work *w, float *logits) {
    const skim_model *m = s->model;
    int64_t each = m->width / m->directions;
    for (int64_t direction = 0; direction < m->directions; direction++) {
        int64_t tokens = visited(s, direction);
        for (int64_t u = 0; u < each; u++)
            w->pooled[direction * each + u] = (float)pooled_unit(s, direction, u, tokens);
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
