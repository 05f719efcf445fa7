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

/* Whether all ids have a row; else an exception is set. */
static int are_ids(const skim_model *m, const int32_t *ids, int64_t count) {
    for (int64_t t = 0; t < count; t++)
        if (ids[t] < 0 || ids[t] >= m->vocab_size) {
            PyErr_Format(PyExc_ValueError, "Token ids must be from 0 to %lld; got %d.",
                         (long long)m->vocab_size - 1, (int)ids[t]);
            return 0;
        }
    return 1;
}

int copy_text(const skim_model *m, PyObject *object, skim_text *out) {
    Py_buffer buffer;
    int64_t each = m->frames ? m->embedding_size * (int64_t)sizeof(float) : (int64_t)sizeof(int32_t);
    if (PyObject_GetBuffer(object, &buffer, PyBUF_C_CONTIGUOUS)) return -1;
    int64_t count = buffer.len / each, is_whole = !m->frames || buffer.len % each == 0;
    void *made = PyMem_Malloc((size_t)buffer.len + 1);
    if (made && buffer.len) memcpy(made, buffer.buf, (size_t)buffer.len);
    PyBuffer_Release(&buffer);
    *out = (skim_text){m->frames ? NULL : made, m->frames ? made : NULL, count};
    if (!made) {
        PyErr_NoMemory();
    } else if (!is_whole) {
        PyErr_Format(PyExc_ValueError, "Frames must have %lld numbers each.", (long long)m->embedding_size);
    } else if (m->frames || are_ids(m, made, count)) {
        return 0;
    }
    PyMem_Free(made);
    return -1;
}

void free_text(skim_text *text) {
    PyMem_Free((void *)text->ids);
    PyMem_Free((void *)text->frames);
}

/* Refuses what PyArg_ParseTuple would call a bug of its caller. */
int is_tuple(PyObject *object, const char *name) {
    if (PyTuple_Check(object)) return 1;
    PyErr_Format(PyExc_TypeError, "A %s must be a tuple; got %s.", name, Py_TYPE(object)->tp_name);
    return 0;
}

const void *hold_array(model_object *self, PyObject *object, const char *name, int64_t rows, int64_t width,
                       int64_t size) {
    Py_buffer *more = PyMem_Realloc(self->buffers, (size_t)(self->held + 1) * sizeof *more);
    if (!more) return PyErr_NoMemory();
    self->buffers = more;
    if (get_array(object, name, rows, width, size, 0, &more[self->held])) return NULL;
    return more[self->held++].buf;
}

float *copy_array(PyObject *object, const char *name, int64_t rows, int64_t width, int64_t stride) {
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

int build_share(model_object *self, reader_share *share, int64_t columns, int64_t input_size, int quantised,
                PyObject *table, PyObject *inputs, PyObject *bias) {
    const skim_model *m = &self->model;
    share->inputs.columns = columns;
    if (table != Py_None) {
        /* int8 columns and a float, or floats. */
        share->is_bytes = quantised;
        share->stride = quantised ? columns + 4 : columns * 4;
        share->table = hold_array(self, table, "table", m->vocab_size, share->stride, 1);
        return share->table ? 0 : -1;
    }
    Py_buffer weights;
    if (get_array(inputs, "input weights", input_size, columns, sizeof(float), 0, &weights)) return -1;
    int failed = skim_pack_plain(&share->inputs, m, input_size, columns,
                                 quantised && is_quantisable(input_size), weights.buf);
    PyBuffer_Release(&weights);
    if (failed) PyErr_NoMemory();
    return failed || !(share->bias = copy_array(bias, "bias", 1, columns, columns)) ? -1 : 0;
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
    if (layer->kind == READS_GRU && !(cell->candidate_bias = copy_array(candidate, "candidate bias", 1, size, (size / lanes + 1) * lanes)))
        return -1;
    cell->size = size;
    return build_share(self, &cell->share, cell->columns, layer->input_size, quantised, table, inputs, bias);
}

/* (recurrent, table or None, input weights or None, bias or None) */
static int build_decision(model_object *self, reader_layer *layer, PyObject *spec) {
    PyObject *recurrent, *table, *inputs, *bias;
    int64_t small = layer->choices - 1;
    if (spec == Py_None && !small) return 0;
    if (!is_tuple(spec, "decision") || !PyArg_ParseTuple(spec, "OOOO", &recurrent, &table, &inputs, &bias)) return -1;
    if (!(layer->decision = copy_array(recurrent, "decision", small, layer->hidden_size, layer->padded))) return -1;
    if (!layer->input_size) {
        layer->decision_table = hold_array(self, table, "decision table", self->model.vocab_size, small, sizeof(float));
        return layer->decision_table ? 0 : -1;
    }
    layer->decision_inputs = copy_array(inputs, "decision inputs", small, layer->input_size, layer->input_size);
    return layer->decision_inputs && (layer->decision_bias = copy_array(bias, "decision bias", 1, small, small)) ? 0 : -1;
}

/* The width of what reader r reads; 0 where tables hold all that the ids say. */
static int64_t input_size_of(const skim_model *m, int64_t r) {
    if (r >= m->directions) return m->directions * m->hidden_size;
    return m->embedding || m->frames ? m->embedding_size : 0;
}

/* (input size, (cells), decision or None[, parts]) */
static int build_layer(model_object *self, reader_layer *layer, int kind, double scale, double bound, int quantised,
                       PyObject *spec) {
    const skim_model *m = &self->model;
    int64_t lanes = m->kernels->lanes, choices = m->chooser == CHOICE_OF_READER ? m->choices : 1;
    Py_ssize_t input_size;
    PyObject *cells, *decision, *parts = Py_None;
    if (!is_tuple(spec, "reader") ||
        !PyArg_ParseTuple(spec, "nO!O|O", &input_size, &PyTuple_Type, &cells, &decision, &parts)) return -1;
    *layer = (reader_layer){.kind = (reader_kind)kind, .fast = quantised, .hidden_size = m->hidden_size,
                            .padded = (m->hidden_size + lanes - 1) / lanes * lanes, .input_size = input_size,
                            .choices = choices, .hidden_scale = (float)scale, .bound = (float)bound};
    if (m->chooser == CHOICE_OF_UNITS) choices = 0;
    if (input_size != input_size_of(m, layer - m->layer) || PyTuple_GET_SIZE(cells) != choices) {
        PyErr_SetString(PyExc_ValueError, "A reader contradicts its model.");
        return -1;
    }
    if (choices && !(layer->cells = calloc((size_t)choices, sizeof *layer->cells))) {
        PyErr_NoMemory();
        return -1;
    }
    for (int64_t j = 0; j < choices; j++)
        if (build_cell(self, layer, &layer->cells[j], quantised, PyTuple_GET_ITEM(cells, j))) return -1;
    if (choices && !layer->cells[0].size) {
        PyErr_SetString(PyExc_ValueError, "The first cell must not be None.");
        return -1;
    }
    return build_decision(self, layer, decision) || build_parts(self, layer, parts) ? -1 : 0;
}

/* Whether no size contradicts another one, as far as arrays do not say it; sets what follows from them. */
static int are_sizes(skim_model *m, int kind, Py_ssize_t readers, int has_embedding) {
    int64_t d = m->hidden_size, vocab = m->vocab_size, embedded = m->embedding_size;
    if (!m->kernels || kind < READS_LSTM || kind > READS_TANH || d < 1 || d > 1 << 20 || m->layers < 0 ||
        m->layers > MOST || m->choices < 1 || m->choices > 1 << 16 || m->directions < 1 || m->directions > 2 ||
        vocab < 0 || vocab > MOST || embedded < 1 || embedded > MOST || m->labels < 1 || m->labels > MOST)
        return 0;
    m->readers = m->layers * m->directions;
    m->frames = !vocab;
    m->width = m->layers ? m->directions * d : embedded;
    if (m->frames ? has_embedding : !m->layers && !has_embedding) return 0;
    return readers == m->readers && (m->layers || m->directions == 1);
}

/* Model(kernels, quantised, (kind, d, layers, directions, k, V or 0 for frames, E, pooling, scoring, per token, labels,
   hidden scale, bound), embedding or None, (readers), classifier, bias[, rules]) */
int build_model(model_object *self, PyObject *args) {
    skim_model *m = &self->model;
    const char *name;
    int quantised, kind, pooling, scoring;
    double scale, bound;
    Py_ssize_t d, layers, directions, k, vocab, embedded, labels;
    PyObject *embedding, *readers, *classifier, *bias, *rules = Py_None;
    if (!PyArg_ParseTuple(args, "sp(innnnnniipndd)OO!OO|O", &name, &quantised, &kind, &d, &layers, &directions, &k,
                          &vocab, &embedded, &pooling, &scoring, &m->per_token, &labels, &scale, &bound, &embedding,
                          &PyTuple_Type, &readers, &classifier, &bias, &rules))
        return -1;
    m->kernels = reader_find_kernels(name);
    m->layers = layers, m->directions = directions, m->hidden_size = d, m->choices = k;
    m->vocab_size = vocab, m->embedding_size = embedded, m->labels = labels;
    if (pooling < 0 || pooling > POOL_MAX || scoring < 0 || scoring > SCORE_NONE ||
        !are_sizes(m, kind, PyTuple_GET_SIZE(readers), embedding != Py_None)) {
        PyErr_SetString(PyExc_ValueError, "The sizes of a model contradict themselves.");
        return -1;
    }
    m->pooling = (pooling_kind)pooling, m->scoring = (scoring_kind)scoring;
    if (build_rules(m, rules)) return -1;
    self->counts = PyMem_Calloc((size_t)count_start(m, COUNT_SIZE), sizeof *self->counts);
    if (!self->counts || !(m->layer = calloc((size_t)m->readers + 1, sizeof *m->layer))) {
        PyErr_NoMemory();
        return -1;
    }
    if (embedding != Py_None &&
        !(m->embedding = hold_array(self, embedding, "embedding", vocab, embedded, sizeof(float))))
        return -1;
    for (int64_t r = 0; r < m->readers; r++)
        if (build_layer(self, &m->layer[r], kind, scale, bound, quantised, PyTuple_GET_ITEM(readers, r))) return -1;
    return (m->classifier = copy_array(classifier, "classifier", labels, m->width, m->width)) &&
                   (m->bias = copy_array(bias, "classifier bias", 1, labels, labels))
               ? 0
               : -1;
}
