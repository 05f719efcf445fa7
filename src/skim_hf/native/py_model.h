/* The Python objects around a model. */
#ifndef SKIM_HF_PY_MODEL_H
#define SKIM_HF_PY_MODEL_H

#include "model.h"
#include "runtime_module.h"

/* What one call works with; kept for the next one. */
typedef struct call_room {
    skim_state *state;
    skim_work *work;
    splitter *splitter;              /* of `vocabulary`, made when first asked for */
    PyObject *vocabulary;            /* kept alive */
    token_list tokens;
    struct call_room *next;
} call_room;

typedef struct {
    PyObject_HEAD
    skim_model model;
    Py_buffer *buffers;              /* tables and embedding, which the model only points to */
    Py_ssize_t held;
    call_room *idle;                 /* guarded by the GIL */
    int64_t *counts;                 /* [R, k], of all finished calls */
} model_object;

typedef struct {
    PyObject_HEAD
    model_object *owner;
    skim_state *state;
    skim_work *work;
    int busy;                        /* another thread is in `feed`, without the GIL */
} stream_object;

/* Fills the model from the arguments of Model(...); 0, or -1 with an exception. */
int build_model(model_object *self, PyObject *args);

/* [R * k] counts as a list; NULL with an exception. */
PyObject *list_counts(const skim_model *m, const int64_t *counts);

/* py_stream.c */
extern PyTypeObject stream_type;
PyObject *stream_open(model_object *owner);

/* Gets a buffer of exactly rows * width elements of `size` bytes, writable if asked for; -1 with an exception. */
int get_array(PyObject *object, const char *name, int64_t rows, int64_t width, int64_t size, int writable,
              Py_buffer *out);
/* The same, writable, but None gives a buffer whose buf is NULL. */
int get_optional(PyObject *object, const char *name, int64_t rows, int64_t width, int64_t size, Py_buffer *out);
/* A checked copy of [count] ids of int32, which nobody can change afterwards; free it with PyMem_Free. NULL with an
   exception. */
int32_t *copy_ids(const skim_model *m, PyObject *object, int64_t *count);

#endif
