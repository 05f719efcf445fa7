/* What the two types around text share. */
#ifndef SKIM_HF_PY_TEXT_H
#define SKIM_HF_PY_TEXT_H

#include "runtime_module.h"
#include "vocabulary.h"

int add_splitter(PyObject *module);

/* A new Splitter at the start of a text; `vocabulary` is a Vocabulary object. */
PyObject *new_splitter(PyObject *vocabulary);

/* (ids, offsets) of a list as bytearrays of int32 and of pairs of int64, or the ids alone if it has no offsets. */
PyObject *tokens_as_bytes(const token_list *);

#endif
