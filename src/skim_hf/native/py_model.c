/* Model: reads ids or strings without the GIL. Calls on one object may run side by side, each with room of its own. */
#include "py_model.h"

#include <string.h>

#include "vocabulary.h"

static void free_room(call_room *room) {
    if (!room) return;
    skim_state_free(room->state);
    skim_work_free(room->work);
    splitter_free(room->splitter);
    Py_XDECREF(room->vocabulary);
    token_list_free(&room->tokens);
    PyMem_RawFree(room);
}

/* Gives the room a splitter of that Vocabulary; 0, or -1 where memory ran out. */
static int use_vocabulary(call_room *room, PyObject *words) {
    if (room->vocabulary == words) return 0;
    splitter_free(room->splitter);
    Py_CLEAR(room->vocabulary);
    if (!(room->splitter = splitter_new(vocabulary_of(words)))) return -1;
    room->vocabulary = Py_NewRef(words);
    return 0;
}

/* Room for one call, with a splitter of that Vocabulary unless it is NULL; NULL with an exception. */
static call_room *take_room(model_object *self, PyObject *words) {
    call_room *room = self->idle;
    if (room) {
        self->idle = room->next;
    } else if ((room = PyMem_RawCalloc(1, sizeof *room))) {
        room->state = skim_state_new(&self->model);
        room->work = skim_work_new(&self->model);
    }
    if (room && room->state && room->work && (!words || !use_vocabulary(room, words))) return room;
    free_room(room);
    PyErr_NoMemory();
    return NULL;
}

/* Whether the model has a row for every id that the words may have; else an exception is set. */
static int fits(const skim_model *m, PyObject *words) {
    const vocabulary *v = vocabulary_of(words);
    if (v && m->frames) return PyErr_SetString(PyExc_ValueError, "A model of frames reads no text."), 0;
    if (!v || vocabulary_highest(v) < m->vocab_size) return v != NULL;
    PyErr_Format(PyExc_ValueError,
                 "The vocabulary has ids up to %d, but the model has %lld rows: they do not belong together.",
                 (int)vocabulary_highest(v), (long long)m->vocab_size);
    return 0;
}

enum { KEPT_TOKENS = 1 << 16 };

/* Gives room back for the next call, unless a long text has made it large. */
static void give_room(model_object *self, call_room *room) {
    if (room->work->tokens > KEPT_TOKENS || room->tokens.room > KEPT_TOKENS) {
        free_room(room);
        return;
    }
    room->next = self->idle;
    self->idle = room;
}

int64_t count_start(const skim_model *m, counted kind) {
    int64_t choices = m->readers * m->choices;
    return kind == CHOICES ? 0 : kind == UNITS ? choices : choices + m->readers + (kind == JUMPS ? 0 : m->directions);
}

void add_counts(const skim_state *s, int64_t *counts) {
    const skim_model *m = s->model;
    for (int64_t i = 0; i < m->readers * m->choices; i++) counts[i] += s->counts[i];
    for (int64_t r = 0; r < m->readers; r++) counts[count_start(m, UNITS) + r] += s->readers[r].units;
    for (int64_t i = 0; i < m->directions; i++) counts[count_start(m, JUMPS) + i] += s->pointers[i].decisions;
}

/* Splits and reads one text; returns 0, or -1 where memory ran out. Runs without the GIL. */
static int read_text(call_room *room, text_piece text, size_t limit, float *scores) {
    const skim_results nothing = {0};
    room->tokens.count = 0;
    room->tokens.limit = limit;
    splitter_reset(room->splitter);
    if (splitter_feed(room->splitter, text, 1, &room->tokens)) return -1;
    skim_text ids = {room->tokens.ids, NULL, (int64_t)room->tokens.count};
    if (skim_read(room->state, room->work, ids, &nothing)) return -1;
    skim_logits(room->state, room->work, scores);
    skim_scores(room->state->model, scores);
    return 0;
}

/* Reads texts [count] into scores [count, labels]; returns 0, or -1 where memory ran out. */
static int read_texts(model_object *self, call_room *room, const text_piece *texts, Py_ssize_t count, size_t limit,
                      float *scores, int64_t *counts) {
    const skim_model *m = &self->model;
    for (Py_ssize_t i = 0; i < count; i++) {
        if (read_text(room, texts[i], limit, scores + i * m->labels)) return -1;
        add_counts(room->state, counts);
    }
    return 0;
}

static PyObject *model_classify(model_object *self, PyObject *args) {
    PyObject *words, *list, *limit_object, *out, *result = NULL;
    const skim_model *m = &self->model;
    Py_buffer scores;
    size_t limit;
    if (!PyArg_ParseTuple(args, "OO!OO", &words, &PyTuple_Type, &list, &limit_object, &out)) return NULL;
    Py_ssize_t count = PyTuple_GET_SIZE(list);
    if (!fits(m, words) || limit_of(limit_object, &limit)) return NULL;
    if (get_array(out, "out", count, m->labels, sizeof(float), 1, &scores)) return NULL;
    /* The tuple keeps the strings alive, and nobody can change it. */
    text_piece *texts = PyMem_Malloc((size_t)count * sizeof *texts + 1);
    int64_t *counts = PyMem_Calloc((size_t)count_start(m, COUNT_SIZE), sizeof *counts);
    call_room *room = texts && counts ? take_room(self, words) : (call_room *)PyErr_NoMemory();
    int failed = !room;
    for (Py_ssize_t i = 0; !failed && i < count; i++) failed = text_of(PyTuple_GET_ITEM(list, i), &texts[i]);
    if (!failed) {
        Py_BEGIN_ALLOW_THREADS
        failed = read_texts(self, room, texts, count, limit, scores.buf, counts);
        Py_END_ALLOW_THREADS
        if (failed) PyErr_NoMemory();
        for (int64_t i = 0; i < count_start(m, COUNT_SIZE); i++) self->counts[i] += counts[i];
    }
    if (room) give_room(self, room);
    PyMem_Free(texts);
    PyMem_Free(counts);
    PyBuffer_Release(&scores);
    if (!failed) result = Py_NewRef(Py_None);
    return result;
}

/* What a reading leaves behind, as arrays of the caller. */
enum { DECISIONS, SCORES, HIDDEN, MEMORY, LOGITS, READ_UNITS, READ_JUMPS, OUTPUTS, ARRAYS, FEWEST_ARRAYS = READ_UNITS };
typedef struct {
    Py_buffer arrays[ARRAYS];
} reading_arrays;

/* Gets the first `count` of them, and none of the others. */
static int get_reading(const skim_model *m, int64_t tokens, PyObject *const *objects, Py_ssize_t count,
                       reading_arrays *a) {
    static const char *const names[] = {"decisions", "scores", "hidden", "memory", "logits", "units", "jumps",
                                        "outputs"};
    const int64_t rows[] = {tokens, tokens, m->readers, m->readers, m->per_token ? tokens : 1, tokens, 1, tokens};
    const int64_t widths[] = {m->readers, m->readers * (m->choices - 1), m->hidden_size, m->hidden_size, m->labels,
                              m->readers, m->directions, m->width};
    const size_t sizes[] = {sizeof(int64_t), sizeof(float), sizeof(float), sizeof(float), sizeof(float),
                            sizeof(int64_t), sizeof(int64_t), sizeof(float)};
    memset(a, 0, sizeof *a);
    for (Py_ssize_t i = 0; i < count; i++)
        if (get_optional(objects[i], names[i], rows[i], widths[i], (int64_t)sizes[i], &a->arrays[i])) return -1;
    return 0;
}

static void release_reading(reading_arrays *a) {
    for (int i = 0; i < ARRAYS; i++) PyBuffer_Release(&a->arrays[i]);
}

static int read_ids(const skim_model *m, call_room *room, skim_text text, const reading_arrays *a) {
    float *hidden = a->arrays[HIDDEN].buf, *memory = a->arrays[MEMORY].buf, *logits = a->arrays[LOGITS].buf;
    int64_t *jumps = a->arrays[READ_JUMPS].buf;
    const skim_results out = {a->arrays[DECISIONS].buf, a->arrays[SCORES].buf, m->per_token ? logits : NULL,
                              m->chooser == CHOICE_OF_UNITS ? a->arrays[READ_UNITS].buf : NULL, a->arrays[OUTPUTS].buf};
    size_t row = (size_t)m->hidden_size;
    if (skim_read(room->state, room->work, text, &out)) return -1;
    for (int64_t r = 0; r < m->readers; r++) {
        const reader_state *s = &room->state->readers[r];
        for (size_t u = 0; hidden && u < row; u++) hidden[(size_t)r * row + u] = s->h[u] * m->layer[r].hidden_scale;
        if (memory) memcpy(memory + (size_t)r * row, s->c, row * sizeof(float));
    }
    for (int64_t i = 0; jumps && i < m->directions; i++) jumps[i] = room->state->pointers[i].decisions;
    if (logits && !m->per_token) skim_logits(room->state, room->work, logits);
    return 0;
}

static PyObject *model_read(model_object *self, PyObject *const *args, Py_ssize_t count) {
    const skim_model *m = &self->model;
    skim_text text;
    reading_arrays arrays;
    if (count <= FEWEST_ARRAYS || count > ARRAYS + 1)
        return PyErr_Format(PyExc_TypeError, "read(ids, decisions, scores, hidden, memory, logits[, units[, jumps[, outputs]]])");
    if (copy_text(m, args[0], &text)) return NULL;
    call_room *room = NULL;
    int failed = get_reading(m, text.count, args + 1, count - 1, &arrays) || !(room = take_room(self, NULL));
    if (!failed) {
        Py_BEGIN_ALLOW_THREADS
        failed = read_ids(m, room, text, &arrays);
        Py_END_ALLOW_THREADS
        if (failed) PyErr_NoMemory();
        add_counts(room->state, self->counts);
        give_room(self, room);
    }
    release_reading(&arrays);
    free_text(&text);
    return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *model_scores(model_object *self, PyObject *out) {
    Py_buffer logits;
    int64_t labels = self->model.labels, size = labels * (int64_t)sizeof(float);
    if (PyObject_GetBuffer(out, &logits, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE)) return NULL;
    int64_t rows = logits.len / size, is_whole = logits.len % size == 0;
    for (int64_t i = 0; is_whole && i < rows; i++) skim_scores(&self->model, (float *)logits.buf + i * labels);
    PyBuffer_Release(&logits);
    if (!is_whole) return PyErr_Format(PyExc_ValueError, "Expected rows of %lld logits.", (long long)labels);
    return Py_NewRef(Py_None);
}

PyObject *list_counts(const skim_model *m, const int64_t *counts, counted kind) {
    int64_t start = count_start(m, kind), count = count_start(m, kind + 1) - start;
    PyObject *list = PyList_New(count);
    for (int64_t i = 0; list && i < count; i++) {
        PyObject *number = PyLong_FromLongLong(counts[start + i]);
        if (!number) Py_CLEAR(list);
        if (number) PyList_SET_ITEM(list, i, number);
    }
    return list;
}

PyObject *list_state_counts(const skim_state *s, counted kind) {
    int64_t *counts = PyMem_Calloc((size_t)count_start(s->model, COUNT_SIZE), sizeof *counts);
    if (!counts) return PyErr_NoMemory();
    add_counts(s, counts);
    PyObject *list = list_counts(s->model, counts, kind);
    PyMem_Free(counts);
    return list;
}

static PyObject *model_counts(model_object *self, PyObject *none) {
    (void)none;
    return list_counts(&self->model, self->counts, CHOICES);
}

static PyObject *model_units(model_object *self, PyObject *none) {
    (void)none;
    return list_counts(&self->model, self->counts, UNITS);
}

static PyObject *model_jumps(model_object *self, PyObject *none) {
    (void)none;
    return list_counts(&self->model, self->counts, JUMPS);
}

static PyObject *model_open(model_object *self, PyObject *none) {
    (void)none;
    return stream_open(self);
}

static PyObject *model_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    if (keywords && PyDict_GET_SIZE(keywords)) return PyErr_Format(PyExc_TypeError, "Model takes no keywords");
    model_object *self = (model_object *)type->tp_alloc(type, 0);
    if (self && build_model(self, args)) Py_CLEAR(self);
    return (PyObject *)self;
}

static void model_dealloc(model_object *self) {
    while (self->idle) {
        call_room *room = self->idle;
        self->idle = room->next;
        free_room(room);
    }
    skim_model_free(&self->model);
    for (Py_ssize_t i = 0; i < self->held; i++) PyBuffer_Release(&self->buffers[i]);
    PyMem_Free(self->buffers);
    PyMem_Free(self->counts);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *model_lanes(PyObject *none, PyObject *name) {
    (void)none;
    const char *text = PyUnicode_AsUTF8(name);
    const reader_kernels *kernels = text ? reader_find_kernels(text) : NULL;
    if (!kernels) return text ? PyErr_Format(PyExc_ValueError, "This processor has no kernels named %R.", name) : NULL;
    return Py_BuildValue("(sL)", kernels->name, (long long)kernels->lanes);
}

static PyObject *model_order(PyObject *none, PyObject *args) {
    (void)none;
    int kind;
    Py_ssize_t size, lanes;
    if (!PyArg_ParseTuple(args, "inn", &kind, &size, &lanes)) return NULL;
    if (kind < READS_LSTM || kind > READS_TANH || size < 1 || lanes < 1 || size > 1 << 20 || lanes > 64)
        return PyErr_Format(PyExc_ValueError, "order(kind, size, lanes) got sizes out of range");
    int64_t columns = reader_columns((reader_kind)kind, size, lanes);
    PyObject *made = PyByteArray_FromStringAndSize(NULL, columns * (Py_ssize_t)sizeof(int32_t));
    if (made) reader_order((reader_kind)kind, size, lanes, (int32_t *)PyByteArray_AS_STRING(made));
    return made;
}

static PyObject *model_math(PyObject *none, PyObject *args) {
    (void)none;
    const char *name;
    int fast, taken;
    PyObject *objects[3];
    Py_buffer b[3];
    if (!PyArg_ParseTuple(args, "spOOO", &name, &fast, &objects[0], &objects[1], &objects[2])) return NULL;
    const reader_kernels *kernels = reader_find_kernels(name);
    if (!kernels) return PyErr_Format(PyExc_ValueError, "This processor has no kernels named %s.", name);
    if (PyObject_GetBuffer(objects[0], &b[0], PyBUF_C_CONTIGUOUS)) return NULL;
    int64_t n = b[0].len / (int64_t)sizeof(float);
    for (taken = 1; taken < 3; taken++)
        if (get_array(objects[taken], "out", 1, n, sizeof(float), 1, &b[taken])) break;
    if (taken == 3) kernels->math(n, fast, b[0].buf, b[1].buf, b[2].buf);
    for (int i = 0; i < taken; i++) PyBuffer_Release(&b[i]);
    return taken == 3 ? Py_NewRef(Py_None) : NULL;
}

static PyMethodDef model_methods[] = {
    {"classify", (PyCFunction)model_classify, METH_VARARGS,
     "classify(vocabulary, texts, limit, out): scores [n, labels] float32 of a tuple of str"},
    {"read", (PyCFunction)(void (*)(void))model_read, METH_FASTCALL,
     "read(ids, decisions, scores, hidden, memory, logits[, units[, jumps[, outputs]]]): one text of int32 ids, or of "
     "float32 frames; None leaves a result out"},
    {"scores", (PyCFunction)model_scores, METH_O, "scores(logits): makes logits [n, labels] scores, in place"},
    {"counts", (PyCFunction)model_counts, METH_NOARGS, "counts() -> [R * k] choices made in all calls"},
    {"units", (PyCFunction)model_units, METH_NOARGS, "units() -> [R] units updated one by one in all calls"},
    {"jumps", (PyCFunction)model_jumps, METH_NOARGS, "jumps() -> [directions] jump decisions taken in all calls"},
    {"open", (PyCFunction)model_open, METH_NOARGS, "open() -> Stream at the start of a text"},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef functions[] = {
    {"kernels", model_lanes, METH_O, "kernels(name) -> (name, lanes); the best ones for an empty name"},
    {"order", model_order, METH_VARARGS, "order(kind, size, lanes) -> int32 [columns], gate * size + unit or -1"},
    {"math", model_math, METH_VARARGS, "math(kernels, fast, x, tanh, sigmoid): whole vectors of both functions, as the cells compute them"},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject model_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "skim_hf.native._runtime.Model",
    .tp_basicsize = sizeof(model_object),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "A packed model; see runtime/native.py for its arguments.",
    .tp_new = model_new,
    .tp_dealloc = (destructor)model_dealloc,
    .tp_methods = model_methods,
};

int add_model(PyObject *module) {
    return PyModule_AddType(module, &model_type) || PyModule_AddType(module, &stream_type) ||
           PyModule_AddFunctions(module, functions);
}
