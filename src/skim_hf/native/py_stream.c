/* Stream: a reading that goes on as text arrives. For one thread at a time. */
#include <string.h>

#include "py_model.h"

/* What every method asks first, after all that may run Python and let other threads in; else an exception is set. */
static int is_free(const stream_object *self) {
    if (!self->busy) return 1;
    PyErr_SetString(PyExc_RuntimeError, "Another thread is using this Stream; give every thread its own.");
    return 0;
}

PyObject *stream_open(model_object *owner) {
    if (owner->model.directions != 1)
        return PyErr_Format(PyExc_ValueError, "A bidirectional model needs the whole text and cannot read a stream.");
    stream_object *self = (stream_object *)stream_type.tp_alloc(&stream_type, 0);
    if (!self) return NULL;
    self->owner = (model_object *)Py_NewRef((PyObject *)owner);
    self->state = skim_state_new(&owner->model);
    self->work = skim_work_new(&owner->model);
    if (self->state && self->work) return (PyObject *)self;
    Py_DECREF(self);
    return PyErr_NoMemory();
}

/* Reads on; 0, or -1 with an exception. A short piece is read sooner than other threads could take over. */
static int feed(stream_object *self, skim_text text, const skim_results *out) {
    if (!is_free(self)) return -1;
    int failed;
    if (text.count <= CHUNK_TOKENS) {
        failed = skim_feed(self->state, self->work, text, out);
    } else {
        self->busy = 1;
        Py_BEGIN_ALLOW_THREADS
        failed = skim_feed(self->state, self->work, text, out);
        Py_END_ALLOW_THREADS
        self->busy = 0;
    }
    if (failed) PyErr_NoMemory();
    return failed;
}

static PyObject *stream_feed(stream_object *self, PyObject *const *args, Py_ssize_t count) {
    const skim_model *m = &self->owner->model;
    Py_buffer logits;
    skim_text text;
    if (count != 2) return PyErr_Format(PyExc_TypeError, "feed(ids, logits) takes 2 arguments");
    if (copy_text(m, args[0], &text)) return NULL;
    int failed = get_optional(args[1], "logits", text.count, m->labels, sizeof(float), &logits);
    if (!failed) {
        const skim_results out = {.logits = logits.buf};
        failed = feed(self, text, &out);
        PyBuffer_Release(&logits);
    }
    free_text(&text);
    return failed ? NULL : Py_NewRef(Py_None);
}

static PyObject *stream_logits(stream_object *self, PyObject *out) {
    Py_buffer logits;
    if (get_array(out, "logits", 1, self->owner->model.labels, sizeof(float), 1, &logits)) return NULL;
    int is_mine = is_free(self);
    if (is_mine) skim_logits(self->state, self->work, logits.buf);
    PyBuffer_Release(&logits);
    return is_mine ? Py_NewRef(Py_None) : NULL;
}

static PyObject *stream_copy(stream_object *self, PyObject *none) {
    (void)none;
    PyObject *made = is_free(self) ? stream_open(self->owner) : NULL;
    if (made) skim_state_copy(((stream_object *)made)->state, self->state);
    return made;
}

static PyObject *stream_save(stream_object *self, PyObject *none) {
    (void)none;
    if (!is_free(self)) return NULL;
    PyObject *made = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)skim_state_size(&self->owner->model));
    if (made) skim_state_save(self->state, (unsigned char *)PyBytes_AS_STRING(made));
    return made;
}

static PyObject *stream_load(stream_object *self, PyObject *object) {
    Py_buffer saved;
    if (get_array(object, "saved state", 1, (int64_t)skim_state_size(&self->owner->model), 1, 0, &saved)) return NULL;
    skim_state *loaded = skim_state_new(&self->owner->model);
    int failed = !loaded || skim_state_load(loaded, saved.buf);
    PyBuffer_Release(&saved);
    if (failed) {
        PyObject *error = loaded ? PyErr_Format(PyExc_ValueError, "Expected the bytes of a stream of this model; these "
                                                                  "hold impossible values.")
                                 : PyErr_NoMemory();
        skim_state_free(loaded);
        return error;
    }
    if (!is_free(self)) {
        skim_state_free(loaded);
        return NULL;
    }
    skim_state_free(self->state);
    self->state = loaded;
    return Py_NewRef(Py_None);
}

static PyObject *stream_counts(stream_object *self, PyObject *none) {
    (void)none;
    return is_free(self) ? list_state_counts(self->state, CHOICES) : NULL;
}

static PyObject *stream_units(stream_object *self, PyObject *none) {
    (void)none;
    return is_free(self) ? list_state_counts(self->state, UNITS) : NULL;
}

static PyObject *stream_jumps(stream_object *self, PyObject *none) {
    (void)none;
    return is_free(self) ? list_state_counts(self->state, JUMPS) : NULL;
}

static PyObject *stream_tokens(stream_object *self, void *none) {
    (void)none;
    return is_free(self) ? PyLong_FromLongLong(self->state->tokens) : NULL;
}

static void stream_dealloc(stream_object *self) {
    skim_state_free(self->state);
    skim_work_free(self->work);
    Py_XDECREF((PyObject *)self->owner);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef methods[] = {
    {"feed", (PyCFunction)(void (*)(void))stream_feed, METH_FASTCALL,
     "feed(ids, logits): reads on; logits [n, labels] of models with labels per token, or None"},
    {"logits", (PyCFunction)stream_logits, METH_O, "logits(out): [labels] of what was read so far"},
    {"copy", (PyCFunction)stream_copy, METH_NOARGS, "copy() -> Stream"},
    {"save", (PyCFunction)stream_save, METH_NOARGS, "save() -> bytes"},
    {"load", (PyCFunction)stream_load, METH_O, "load(bytes)"},
    {"counts", (PyCFunction)stream_counts, METH_NOARGS, "counts() -> [R * k] choices made so far"},
    {"units", (PyCFunction)stream_units, METH_NOARGS, "units() -> [R] units updated one by one so far"},
    {"jumps", (PyCFunction)stream_jumps, METH_NOARGS, "jumps() -> [directions] jump decisions taken so far"},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
    {"tokens", (getter)stream_tokens, NULL, "Tokens read so far.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject stream_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "skim_hf.native._runtime.Stream",
    .tp_basicsize = sizeof(stream_object),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_doc = "A reading that goes on; made by Model.open.",
    .tp_dealloc = (destructor)stream_dealloc,
    .tp_methods = methods,
    .tp_getset = attributes,
};
