/* skim_hf.native._runtime: from strings to labels without the GIL; see runtime/native.py. */
#include "runtime_module.h"

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_runtime", "The CPU runtime in C.", -1, NULL, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__runtime(void) {
    PyObject *made = PyModule_Create(&module);
    if (made && (add_vocabulary(made) || add_model(made))) Py_CLEAR(made);
    return made;
}
