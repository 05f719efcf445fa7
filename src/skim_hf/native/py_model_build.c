/* Model(...): from arrays that Python has arranged to a packed model. */
#include <stdlib.h>
#include <string.h>

#include "py_model.h"

/* Of any number that is multiplied with another, so that the product of two is always one. */
enum { MOST = INT32_MAX };

int get_array(PyObject *object, const char *name, int64_t rows, int64_t width, int64_t size, int writable,
              Py_buffer *out) {
    int64_t elements, bytes;
    if (__builtin_mul_overflow(rows, width, &elements) || __builtin_mul_overflow(elements, size, &bytes)) {
        PyErr_Format(PyExc_ValueError, "%s must have %lld times %lld elements, more than any array.", name,
                     (long long)rows, (long long)width);
        return -1;
    }
    if (PyObject_GetBuffer(object, out, PyBUF_C_CONTIGUOUS | (writable ? PyBUF_WRITABLE : 0))) return -1;
    if (out->len == bytes) return 0;
    PyErr_Format(PyExc_ValueError, "%s must have %lld elements of %lld bytes; got %zd bytes.", name,
                 (long long)elements, (long long)size, out->len);
    PyBuffer_Release(out);
    memset(out, 0, sizeof *out);
    return -1;
}

int get_optional(PyObject *object, const char *name, int64_t rows, int64_t width, int64_t size, Py_buffer *out) {
    memset(out, 0, sizeof *out);
    return object == Py_None ? 0 : get_array(object, name, rows, width, size, 1, out);
}

int32_t *copy_ids(const skim_model *m, PyObject *object, int64_t *count) {
    Py_buffer buffer;
    if (PyObject_GetBuffer(object, &buffer, PyBUF_C_CONTIGUOUS)) return NULL;
    *count = buffer.len / (int64_t)sizeof(int32_t);
    int32_t *ids = PyMem_Malloc((size_t)buffer.len + 1);
    if (ids && *count) memcpy(ids, buffer.buf, (size_t)*count * sizeof *ids);
    PyBuffer_Release(&buffer);
    if (!ids) return (int32_t *)PyErr_NoMemory();
    for (int64_t t = 0; t < *count; t++)
        if (ids[t] < 0 || ids[t] >= m->vocab_size) {
            PyErr_Format(PyExc_ValueError, "Token ids must be from 0 to %lld; got %d.",
                         (long long)m->vocab_size - 1, (int)ids[t]);
            PyMem_Free(ids);
            return NULL;
        }
    return ids;
}

/* Refuses what PyArg_ParseTuple would call a bug of its caller. */
static int is_tuple(PyObject *object, const char *name) {
    if (PyTuple_Check(object)) return 1;
    PyErr_Format(PyExc_TypeError, "A %s must be a tuple; got %s.", name, Py_TYPE(object)->tp_name);
    return 0;
}

/* Keeps a table that the model points to alive; returns its memory, or NULL with an exception. */
static const void *hold(model_object *self, PyObject *object, const char *name, int64_t rows, int64_t width,
                        int64_t size) {
    Py_buffer *more = PyMem_Realloc(self->buffers, (size_t)(self->held + 1) * sizeof *more);
    if (!more) return PyErr_NoMemory();
    self->buffers = more;
    if (get_array(object, name, rows, width, size, 0, &more[self->held])) return NULL;
    return more[self->held++].buf;
}

/* A copy in memory of our own, each of `rows` rows at a distance of `stride` floats. */
static float *copy(PyObject *object, const char *name, int64_t rows, int64_t width, int64_t stride) {
    Py_buffer buffer;
    if (get_array(object, name, rows, width, sizeof(float), 0, &buffer)) return NULL;
    float *made = skim_allocate(rows, stride * (int64_t)sizeof(float));
    if (!made) PyErr_NoMemory();
    for (int64_t r = 0; made && r < rows; r++)
        memcpy(made + r * stride, (const float *)buffer.buf + r * width, (size_t)width * sizeof(float));
    PyBuffer_Release(&buffer);
    return made;
}

/* Whether bytes are worth it, and their sums of products, 255 * 127 each, certain to fit into 32 bits. */
static int is_quantisable(int64_t depth) { return depth >= QUANTISED_DEPTH && depth <= MOST_QUANTISED_DEPTH; }

static int build_share(model_object *self, reader_cell *cell, int64_t input_size, int quantised, PyObject *table,
                       PyObject *inputs, PyObject *bias) {
    const skim_model *m = &self->model;
    reader_share *share = &cell->share;
    share->inputs.columns = cell->columns;
    if (table != Py_None) {
        /* int8 columns and a float, or floats. */
        share->is_bytes = quantised;
        share->stride = quantised ? cell->columns + 4 : cell->columns * 4;
        share->table = hold(self, table, "table", m->vocab_size, share->stride, 1);
        return share->table ? 0 : -1;
    }
    Py_buffer weights;
    if (get_array(inputs, "input weights", input_size, cell->columns, sizeof(float), 0, &weights)) return -1;
    int failed = skim_pack_plain(&share->inputs, m, input_size, cell->columns,
                                 quantised && is_quantisable(input_size), weights.buf);
    PyBuffer_Release(&weights);
    if (failed) PyErr_NoMemory();
    return failed || !(share->bias = copy(bias, "bias", 1, cell->columns, cell->columns)) ? -1 : 0;
}

/* (size, context, recurrent, candidate bias or None, table or None, input weights or None, bias or None) */
static int build_cell(model_object *self, const reader_layer *layer, reader_cell *cell, int quantised,
                      PyObject *spec) {
    const skim_model *m = &self->model;
    Py_ssize_t size, context;
    PyObject *recurrent, *candidate, *table, *inputs, *bias;
    if (spec == Py_None) return 0;
    if (!is_tuple(spec, "cell") ||
        !PyArg_ParseTuple(spec, "nnOOOOO", &size, &context, &recurrent, &candidate, &table, &inputs, &bias)) return -1;
    if (size < 1 || size > m->hidden_size || context < 1 || context > m->hidden_size ||
        (layer->kind == READS_GRU) != (candidate != Py_None) || (table == Py_None) != (layer->input_size > 0)) {
        PyErr_SetString(PyExc_ValueError, "A cell contradicts its model.");
        return -1;
    }
    int64_t lanes = m->kernels->lanes;
    cell->context = context;
    cell->columns = reader_columns(layer->kind, size, lanes);
    Py_buffer weights;
    if (get_array(recurrent, "recurrent", context, cell->columns, sizeof(float), 0, &weights)) return -1;
    int failed = skim_pack(&cell->recurrent, m, layer->kind, size, context, quantised && is_quantisable(context),
                           weights.buf);
    PyBuffer_Release(&weights);
    if (failed) {
        PyErr_NoMemory();
        return -1;
    }
    if (layer->kind == READS_GRU && !(cell->candidate_bias = copy(candidate, "candidate bias", 1, size, (size / lanes + 1) * lanes)))
        return -1;
    cell->size = size;
    return build_share(self, cell, layer->input_size, quantised, table, inputs, bias);
}

/* (recurrent, table or None, input weights or None, bias or None) */
static int build_decision(model_object *self, reader_layer *layer, PyObject *spec) {
    PyObject *recurrent, *table, *inputs, *bias;
    int64_t small = layer->choices - 1;
    if (spec == Py_None && !small) return 0;
    if (!is_tuple(spec, "decision") || !PyArg_ParseTuple(spec, "OOOO", &recurrent, &table, &inputs, &bias)) return -1;
    if (!(layer->decision = copy(recurrent, "decision", small, layer->hidden_size, layer->padded))) return -1;
    if (!layer->input_size) {
        layer->decision_table = hold(self, table, "decision table", self->model.vocab_size, small, sizeof(float));
        return layer->decision_table ? 0 : -1;
    }
    layer->decision_inputs = copy(inputs, "decision inputs", small, layer->input_size, layer->input_size);
    return layer->decision_inputs && (layer->decision_bias = copy(bias, "decision bias", 1, small, small)) ? 0 : -1;
}

/* The width of what reader r reads; 0 where tables hold all that the ids say. */
static int64_t input_size_of(const skim_model *m, int64_t r) {
    if (r >= m->directions) return m->directions * m->hidden_size;
    return m->embedding ? m->embedding_size : 0;
}

static int build_layer(model_object *self, reader_layer *layer, int kind, double scale, double bound, int quantised,
                       PyObject *spec) {
    const skim_model *m = &self->model;
    int64_t lanes = m->kernels->lanes;
    Py_ssize_t input_size;
    PyObject *cells, *decision;
    if (!is_tuple(spec, "reader") || !PyArg_ParseTuple(spec, "nO!O", &input_size, &PyTuple_Type, &cells, &decision)) return -1;
    *layer = (reader_layer){.kind = (reader_kind)kind, .fast = quantised, .hidden_size = m->hidden_size,
                            .padded = (m->hidden_size + lanes - 1) / lanes * lanes, .input_size = input_size,
                            .choices = m->choices, .hidden_scale = (float)scale, .bound = (float)bound};
    if (input_size != input_size_of(m, layer - m->layer) || PyTuple_GET_SIZE(cells) != m->choices) {
        PyErr_SetString(PyExc_ValueError, "A reader contradicts its model.");
        return -1;
    }
    if (!(layer->cells = calloc((size_t)m->choices, sizeof *layer->cells))) {
        PyErr_NoMemory();
        return -1;
    }
    for (int64_t j = 0; j < m->choices; j++)
        if (build_cell(self, layer, &layer->cells[j], quantised, PyTuple_GET_ITEM(cells, j))) return -1;
    if (!layer->cells[0].size) {
        PyErr_SetString(PyExc_ValueError, "The first cell must not be None.");
        return -1;
    }
    return build_decision(self, layer, decision);
}

/* Model(kernels, quantised, (kind, d, layers, directions, k, V, E, pooling, scoring, per token, labels, hidden scale,
   bound), embedding or None, (readers), classifier, bias) */
int build_model(model_object *self, PyObject *args) {
    skim_model *m = &self->model;
    const char *name;
    int quantised, kind, pooling, scoring;
    double scale, bound;
    Py_ssize_t d, layers, directions, k, vocab, embedded, labels;
    PyObject *embedding, *readers, *classifier, *bias;
    if (!PyArg_ParseTuple(args, "sp(innnnnniipndd)OO!OO", &name, &quantised, &kind, &d, &layers, &directions, &k, &vocab,
                          &embedded, &pooling, &scoring, &m->per_token, &labels, &scale, &bound, &embedding,
                          &PyTuple_Type, &readers, &classifier, &bias))
        return -1;
    m->kernels = reader_find_kernels(name);
    if (!m->kernels || kind < READS_LSTM || kind > READS_TANH || d < 1 || d > 1 << 20 || layers < 1 || layers > MOST ||
        k < 1 || k > 1 << 16 || directions < 1 || directions > 2 || vocab < 1 || vocab > MOST || embedded < 1 ||
        embedded > MOST || labels < 1 || labels > MOST || pooling < 0 || pooling > POOL_MAX || scoring < 0 ||
        scoring > SCORE_NONE || PyTuple_GET_SIZE(readers) != layers * directions) {
        PyErr_SetString(PyExc_ValueError, "The sizes of a model contradict themselves.");
        return -1;
    }
    m->layers = layers, m->directions = directions, m->readers = layers * directions;
    m->hidden_size = d, m->choices = k, m->vocab_size = vocab, m->embedding_size = embedded, m->labels = labels;
    m->pooling = (pooling_kind)pooling, m->scoring = (scoring_kind)scoring;
    self->counts = PyMem_Calloc((size_t)(m->readers * k), sizeof *self->counts);
    if (!self->counts || !(m->layer = calloc((size_t)m->readers, sizeof *m->layer))) {
        PyErr_NoMemory();
        return -1;
    }
    if (embedding != Py_None &&
        !(m->embedding = hold(self, embedding, "embedding", vocab, embedded, sizeof(float))))
        return -1;
    for (int64_t r = 0; r < m->readers; r++)
        if (build_layer(self, &m->layer[r], kind, scale, bound, quantised, PyTuple_GET_ITEM(readers, r))) return -1;
    int64_t width = directions * d;
    return (m->classifier = copy(classifier, "classifier", labels, width, width)) &&
                   (m->bias = copy(bias, "classifier bias", 1, labels, labels))
               ? 0
               : -1;
}
