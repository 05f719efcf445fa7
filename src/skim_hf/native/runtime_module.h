/* What the parts of the module skim_hf.native._runtime offer each other. */
#ifndef SKIM_HF_RUNTIME_MODULE_H
#define SKIM_HF_RUNTIME_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "text.h"

/* Each adds its type to the module; 0, or -1 with an exception. */
int add_vocabulary(PyObject *module);
int add_model(PyObject *module);

/* The vocabulary inside a Vocabulary object; NULL with a TypeError for any other object. */
const vocabulary *vocabulary_of(PyObject *object);

/* The code points of a str, valid as long as the object lives; -1 with a TypeError for any other object. */
int text_of(PyObject *object, text_piece *out);

/* How many tokens are wanted; None for all, and a number beyond any size is no limit either. -1 with an exception. */
int limit_of(PyObject *number, size_t *out);

#endif
