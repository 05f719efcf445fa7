/* The type Vocabulary: words, their ids, and whole texts in one call. */
#include "py_text.h"

typedef struct {
    PyObject_HEAD
    vocabulary *words;
} vocabulary_object;

static PyTypeObject *vocabulary_type;

const vocabulary *vocabulary_of(PyObject *object) {
    if (PyObject_TypeCheck(object, vocabulary_type)) return ((vocabulary_object *)object)->words;
    PyErr_Format(PyExc_TypeError, "Expected a Vocabulary; got %s.", Py_TYPE(object)->tp_name);
    return NULL;
}

int text_of(PyObject *object, text_piece *out) {
    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "Expected text (str); got %s.", Py_TYPE(object)->tp_name);
        return -1;
    }
#if PY_VERSION_HEX < 0x030C0000
    if (PyUnicode_READY(object)) return -1;
#endif
    out->data = PyUnicode_DATA(object);
    out->length = (size_t)PyUnicode_GET_LENGTH(object);
    out->width = (int)PyUnicode_KIND(object);
    return 0;
}

PyObject *tokens_as_bytes(const token_list *tokens) {
    size_t count = tokens->count;
    PyObject *ids = PyByteArray_FromStringAndSize((const char *)tokens->ids, (Py_ssize_t)(count * sizeof *tokens->ids));
    if (!ids || !tokens->wants_offsets) return ids;
    PyObject *offsets = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)(count * 2 * sizeof(int64_t)));
    if (!offsets) {
        Py_DECREF(ids);
        return NULL;
    }
    int64_t *pairs = (int64_t *)PyByteArray_AS_STRING(offsets);
    for (size_t i = 0; i < count; i++) {
        pairs[2 * i] = tokens->starts[i];
        pairs[2 * i + 1] = tokens->ends[i];
    }
    return Py_BuildValue("NN", ids, offsets);
}

/* An id as the model's table has it. */
static int id_of(PyObject *number, int32_t *out) {
    if (!PyLong_Check(number) || PyBool_Check(number)) {
        PyErr_Format(PyExc_TypeError, "An id must be an int; got %s.", Py_TYPE(number)->tp_name);
        return -1;
    }
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
    if (overflow || value < 0 || value > INT32_MAX) {
        PyErr_Format(PyExc_ValueError, "An id must be between 0 and 2147483647; got %R.", number);
        return -1;
    }
    *out = (int32_t)value;
    return 0;
}

typedef struct {
    const char **words;
    size_t *lengths;
    int32_t *ids;
} word_arrays;

static int fill(word_arrays *to, PyObject *words, PyObject *ids, Py_ssize_t count) {
    to->words = PyMem_New(const char *, count + 1);
    to->lengths = PyMem_New(size_t, count + 1);
    to->ids = PyMem_New(int32_t, count + 1);
    if (!to->words || !to->lengths || !to->ids) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *word = PyList_GET_ITEM(words, i);
        Py_ssize_t length;
        if (!PyUnicode_Check(word)) {
            PyErr_Format(PyExc_TypeError, "A word must be a str; got %s.", Py_TYPE(word)->tp_name);
            return -1;
        }
        /* The str keeps its UTF-8, and the list keeps the str. */
        to->words[i] = PyUnicode_AsUTF8AndSize(word, &length);
        if (!to->words[i] || id_of(PyList_GET_ITEM(ids, i), &to->ids[i])) return -1;
        to->lengths[i] = (size_t)length;
    }
    return 0;
}

static vocabulary *vocabulary_from(PyObject *words, PyObject *ids, PyObject *unknown) {
    int32_t unknown_id;
    Py_ssize_t count = PyList_GET_SIZE(words);
    if (count != PyList_GET_SIZE(ids)) {
        PyErr_Format(PyExc_ValueError, "Every word needs an id: got %zd words and %zd ids.", count,
                     PyList_GET_SIZE(ids));
        return NULL;
    }
    if (id_of(unknown, &unknown_id)) return NULL;
    word_arrays arrays = {NULL, NULL, NULL};
    vocabulary *made = NULL;
    if (!fill(&arrays, words, ids, count)) {
        made = vocabulary_new((size_t)count, arrays.words, arrays.lengths, arrays.ids, unknown_id);
        if (!made) PyErr_NoMemory();
    }
    PyMem_Free(arrays.words);
    PyMem_Free(arrays.lengths);
    PyMem_Free(arrays.ids);
    return made;
}

static PyObject *new_vocabulary(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"words", "ids", "unknown", NULL};
    PyObject *words, *ids, *unknown;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!O", names, &PyList_Type, &words, &PyList_Type, &ids, &unknown))
        return NULL;
    vocabulary *made = vocabulary_from(words, ids, unknown);
    if (!made) return NULL;
    vocabulary_object *self = (vocabulary_object *)type->tp_alloc(type, 0);
    if (!self) {
        vocabulary_free(made);
        return NULL;
    }
    self->words = made;
    return (PyObject *)self;
}

static void free_vocabulary(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    vocabulary_free(((vocabulary_object *)self)->words);
    type->tp_free(self);
    Py_DECREF(type);
}

int limit_of(PyObject *number, size_t *out) {
    *out = SIZE_MAX;
    if (number == Py_None) return 0;
    Py_ssize_t value = PyNumber_AsSsize_t(number, NULL);
    if (value == -1 && PyErr_Occurred()) return -1;
    if (value < 0) {
        PyErr_Format(PyExc_ValueError, "limit must be at least 0, or None for all tokens; got %zd.", value);
        return -1;
    }
    *out = (size_t)value;
    return 0;
}

static PyObject *run(PyObject *self, PyObject *args, PyObject *kwargs, int wants_offsets) {
    static char *names[] = {"text", "limit", NULL};
    PyObject *text, *limit = Py_None;
    text_piece piece;
    token_list tokens = {.wants_offsets = wants_offsets};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O", names, &text, &limit) || text_of(text, &piece) ||
        limit_of(limit, &tokens.limit))
        return NULL;
    const vocabulary *words = ((vocabulary_object *)self)->words;
    int failed = -1;
    Py_BEGIN_ALLOW_THREADS
    splitter *s = splitter_new(words);
    if (s) failed = splitter_feed(s, piece, 1, &tokens);
    splitter_free(s);
    Py_END_ALLOW_THREADS
    PyObject *result = failed ? PyErr_NoMemory() : tokens_as_bytes(&tokens);
    token_list_free(&tokens);
    return result;
}

static PyObject *encode(PyObject *self, PyObject *args, PyObject *kwargs) { return run(self, args, kwargs, 1); }

static PyObject *ids(PyObject *self, PyObject *args, PyObject *kwargs) { return run(self, args, kwargs, 0); }

static PyObject *splitter_of(PyObject *self, PyObject *Py_UNUSED(none)) { return new_splitter(self); }

static PyObject *longest(PyObject *self, void *Py_UNUSED(closure)) {
    return PyLong_FromSize_t(vocabulary_longest(((vocabulary_object *)self)->words));
}

static PyMethodDef methods[] = {
    {"encode", (PyCFunction)(void (*)(void))encode, METH_VARARGS | METH_KEYWORDS,
     "encode(text, limit=None) -> (ids, offsets)\n\nThe first `limit` tokens of a text: a bytearray of int32, and one "
     "of pairs of int64 that say\nwhere each begins and ends in the text, in code points."},
    {"ids", (PyCFunction)(void (*)(void))ids, METH_VARARGS | METH_KEYWORDS,
     "ids(text, limit=None) -> ids\n\nAs `encode`, without the offsets."},
    {"splitter", splitter_of, METH_NOARGS, "splitter() -> Splitter\n\nTakes a text in pieces."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
    {"longest", longest, NULL, "Bytes of the longest word in UTF-8.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Vocabulary(words, ids, unknown)\n\nA list of words, their ids, and the id of every other word. "
                "Of equal words the last one counts."},
    {Py_tp_new, new_vocabulary},
    {Py_tp_dealloc, free_vocabulary},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {0, NULL},
};

static PyType_Spec spec = {"skim_hf.native._runtime.Vocabulary", sizeof(vocabulary_object), 0, Py_TPFLAGS_DEFAULT, slots};

int add_vocabulary(PyObject *module) {
    vocabulary_type = (PyTypeObject *)PyType_FromSpec(&spec);
    if (!vocabulary_type || PyModule_AddType(module, vocabulary_type)) return -1;
    return add_splitter(module);
}
