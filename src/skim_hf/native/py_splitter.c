/* The type Splitter: a text that comes in pieces. */
#include "py_text.h"

typedef struct {
    PyObject_HEAD
    PyObject *vocabulary;
    splitter *state;
    int busy;                        /* another thread is in `feed`, without the GIL */
} splitter_object;

static PyTypeObject *splitter_type;

static splitter *state_of(PyObject *self) {
    splitter_object *object = (splitter_object *)self;
    if (!object->busy) return object->state;
    PyErr_SetString(PyExc_RuntimeError, "Another thread is using this Splitter; give every thread its own.");
    return NULL;
}

PyObject *new_splitter(PyObject *vocabulary) {
    const struct vocabulary *words = vocabulary_of(vocabulary);
    if (!words) return NULL;
    splitter *state = splitter_new(words);
    if (!state) return PyErr_NoMemory();
    splitter_object *self = (splitter_object *)splitter_type->tp_alloc(splitter_type, 0);
    if (!self) {
        splitter_free(state);
        return NULL;
    }
    Py_INCREF(vocabulary);
    self->vocabulary = vocabulary;
    self->state = state;
    return (PyObject *)self;
}

static PyObject *construct(PyTypeObject *Py_UNUSED(type), PyObject *args, PyObject *kwargs) {
    static char *names[] = {"vocabulary", NULL};
    PyObject *vocabulary;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O", names, &vocabulary)) return NULL;
    return new_splitter(vocabulary);
}

static void free_splitter(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    splitter_free(((splitter_object *)self)->state);
    Py_XDECREF(((splitter_object *)self)->vocabulary);
    type->tp_free(self);
    Py_DECREF(type);
}

/* Feeds a piece and gives what came out. */
static PyObject *feed_piece(PyObject *self, text_piece piece, int is_last) {
    splitter_object *object = (splitter_object *)self;
    splitter *state = state_of(self);
    if (!state) return NULL;
    token_list tokens = {.limit = SIZE_MAX, .wants_offsets = 1};
    int failed;
    object->busy = 1;
    Py_BEGIN_ALLOW_THREADS
    failed = splitter_feed(state, piece, is_last, &tokens);
    Py_END_ALLOW_THREADS
    object->busy = 0;
    PyObject *result = failed ? PyErr_NoMemory() : tokens_as_bytes(&tokens);
    token_list_free(&tokens);
    return result;
}

static PyObject *feed(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"text", "is_last", NULL};
    PyObject *text;
    int is_last = 0;
    text_piece piece;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|p", names, &text, &is_last) || text_of(text, &piece)) return NULL;
    return feed_piece(self, piece, is_last);
}

static PyObject *copy(PyObject *self, PyObject *Py_UNUSED(none)) {
    splitter *state = state_of(self);
    if (!state) return NULL;
    PyObject *made = new_splitter(((splitter_object *)self)->vocabulary);
    if (made) splitter_copy(((splitter_object *)made)->state, state);
    return made;
}

static PyObject *rest(PyObject *self, PyObject *none) {
    PyObject *twin = copy(self, none);
    if (!twin) return NULL;
    PyObject *result = feed_piece(twin, (text_piece){"", 0, 1}, 1);
    Py_DECREF(twin);
    return result;
}

static PyObject *save(PyObject *self, PyObject *Py_UNUSED(none)) {
    splitter *state = state_of(self);
    if (!state) return NULL;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)splitter_saved_size(state));
    if (bytes) splitter_save(state, (unsigned char *)PyBytes_AS_STRING(bytes));
    return bytes;
}

static PyObject *load(PyObject *self, PyObject *bytes) {
    Py_buffer buffer;
    if (PyObject_GetBuffer(bytes, &buffer, PyBUF_SIMPLE)) return NULL;
    /* Only now: the object that gives the buffer may be written in Python, and let other threads run. */
    splitter *state = state_of(self);
    int failed = state && splitter_load(state, buffer.buf, (size_t)buffer.len);
    PyBuffer_Release(&buffer);
    if (!state) return NULL;
    if (!failed) Py_RETURN_NONE;
    PyErr_SetString(PyExc_ValueError, "These bytes are not the state of a splitter with this vocabulary. "
                                      "Pass what save() gave, unchanged.");
    return NULL;
}

static PyObject *reset(PyObject *self, PyObject *Py_UNUSED(none)) {
    splitter *state = state_of(self);
    if (!state) return NULL;
    splitter_reset(state);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"feed", (PyCFunction)(void (*)(void))feed, METH_VARARGS | METH_KEYWORDS,
     "feed(text, is_last=False) -> (ids, offsets)\n\nThe tokens that no further piece can change, as "
     "Vocabulary.encode gives them; with `is_last`, all\nthat are left, and the next piece begins a new text."},
    {"rest", rest, METH_NOARGS, "rest() -> (ids, offsets)\n\nWhat would follow if the text ended here; changes nothing."},
    {"copy", copy, METH_NOARGS, "copy() -> Splitter"},
    {"reset", reset, METH_NOARGS, "reset()\n\nBegins a new text."},
    {"save", save, METH_NOARGS, "save() -> bytes"},
    {"load", load, METH_O, "load(bytes)\n\nGoes on where save() was called; ValueError if the bytes are no such state."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Splitter(vocabulary)\n\nOne text that comes in pieces. Its memory does not grow."},
    {Py_tp_new, construct},
    {Py_tp_dealloc, free_splitter},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec spec = {"skim_hf.native._runtime.Splitter", sizeof(splitter_object), 0, Py_TPFLAGS_DEFAULT, slots};

int add_splitter(PyObject *module) {
    splitter_type = (PyTypeObject *)PyType_FromSpec(&spec);
    return splitter_type ? PyModule_AddType(module, splitter_type) : -1;
}
