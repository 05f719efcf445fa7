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
    int64_t *counts;                 /* count_size, of all finished calls */
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

/* What is counted, one behind the other: choices [R, k], units that were updated one by one [R], jump decisions
   [directions]. */
typedef enum { CHOICES, UNITS, JUMPS, COUNT_SIZE } counted;
/* Where a kind of count starts; COUNT_SIZE is how many numbers there are. */
int64_t count_start(const skim_model *m, counted kind);
/* Adds those of one reading. */
void add_counts(const skim_state *s, int64_t *counts);
/* Those of one kind as a list; NULL with an exception. */
PyObject *list_counts(const skim_model *m, const int64_t *counts, counted kind);
/* The same of one reading. */
PyObject *list_state_counts(const skim_state *s, counted kind);

/* py_stream.c */
extern PyTypeObject stream_type;
PyObject *stream_open(model_object *owner);

/* Gets a buffer of exactly rows * width elements of `size` bytes, writable if asked for; -1 with an exception. */
int get_array(PyObject *object, const char *name, int64_t rows, int64_t width, int64_t size, int writable,
              Py_buffer *out);
/* The same, writable, but None gives a buffer whose buf is NULL. */
int get_optional(PyObject *object, const char *name, int64_t rows, int64_t width, int64_t size, Py_buffer *out);
/* A checked copy of a text, ids of int32 or frames of floats, which nobody can change afterwards; free it with
   free_text. -1 with an exception. */
int copy_text(const skim_model *m, PyObject *object, skim_text *out);
void free_text(skim_text *text);

/* py_model_parts.c: what a layer has beside its cells; 0, or -1 with an exception. A copy in memory of our own, each of
   `rows` rows at a distance of `stride` floats; and a table that the model points to, kept alive. */
int build_parts(model_object *self, reader_layer *layer, PyObject *spec);
int build_rules(skim_model *m, PyObject *spec);
float *copy_array(PyObject *object, const char *name, int64_t rows, int64_t width, int64_t stride);
const void *hold_array(model_object *self, PyObject *object, const char *name, int64_t rows, int64_t width,
                       int64_t size);
int is_tuple(PyObject *object, const char *name);
int build_share(model_object *self, reader_share *share, int64_t columns, int64_t input_size, int quantised,
                PyObject *table, PyObject *inputs, PyObject *bias);

#endif
