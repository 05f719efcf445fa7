/* What a model owns: packed weights. */
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

float *skim_floats(int64_t count) { return skim_allocate(count, sizeof(float)); }

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
    p->scales = skim_floats(columns);
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

static void free_share(reader_share *share) {
    free_product(&share->inputs);
    free(share->bias);
}

static void free_units(reader_units *units) {
    if (!units) return;
    free(units->recurrent);
    free(units->inputs);
    free(units->bias);
    free(units->candidate_bias);
    free(units->own);
    free_share(&units->coordinator);
    free(units);
}

void skim_model_free(skim_model *m) {
    for (int64_t r = 0; m->layer && r < m->readers; r++) {
        reader_layer *layer = &m->layer[r];
        for (int64_t j = 0; layer->cells && j < layer->choices; j++) {
            free_product(&layer->cells[j].recurrent);
            free_share(&layer->cells[j].share);
            free(layer->cells[j].candidate_bias);
        }
        free(layer->cells);
        free_units(layer->units);
        free(layer->decision);
        free(layer->decision_inputs);
        free(layer->decision_bias);
        free(layer->initial);
        free(layer->gate);
        free(layer->jump);
        free(layer->jump_bias);
    }
    free(m->layer);
    free(m->classifier);
    free(m->bias);
    memset(m, 0, sizeof *m);
}
