/* skim_hf.native._scan: the passes of the sequence scan on several threads, without the GIL.

   Arrays come as contiguous buffers whose sizes are checked here; what they mean is in scan.h. The
   kernels are chosen once, when the module is imported, by what the processor can do. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string.h>

#include "scan.h"
#include "threads.h"

static const scan_kernels *kernels = scan_portable;
static const char *instructions = "portable";

static void choose_kernels(void) {
#if defined(__x86_64__)
    const char *wanted = getenv("SKIM_HF_INSTRUCTIONS");
    int any = !wanted || !*wanted;
    __builtin_cpu_init();
    if ((any || !strcmp(wanted, "avx512")) && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw")) {
        kernels = scan_avx512;
        instructions = "avx512";
    } else if ((any || !strcmp(wanted, "avx2")) && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        kernels = scan_avx2;
        instructions = "avx2";
    }
#endif
}

/* A buffer argument and how many elements of which size it must have. */
typedef struct {
    const char *name;
    Py_buffer *buffer;
    int64_t elements;
    int64_t size;
} expected;

static int check_sizes(const expected *list, int count) {
    for (int i = 0; i < count; i++) {
        if (!list[i].buffer->buf && list[i].buffer->len == 0) continue; /* None */
        if (list[i].buffer->len != list[i].elements * list[i].size) {
            PyErr_Format(PyExc_ValueError, "%s must have %lld elements of %lld bytes; got %zd bytes.", list[i].name,
                         (long long)list[i].elements, (long long)list[i].size, list[i].buffer->len);
            return -1;
        }
    }
    return 0;
}

/* Runs a pass with checked arrays and releases them. */
static PyObject *run(scan_pass pass, const scan_plan *plan, int threads, const void *arrays, const expected *list,
                     int count, int bad) {
    int failed = bad || check_sizes(list, count), no_memory = 0;
    if (!failed) {
        Py_BEGIN_ALLOW_THREADS
        no_memory = run_parts(pass, plan, arrays, threads);
        Py_END_ALLOW_THREADS
    }
    for (int i = 0; i < count; i++) PyBuffer_Release(list[i].buffer);
    if (failed) return NULL;
    if (no_memory) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

/* Sets what follows from the rest of a plan. Returns the number of tokens, or -1 where something is wrong. */
static int64_t fill_plan(scan_plan *p, const int64_t *sizes, const int64_t *contexts) {
    int64_t tokens = 0, before = p->rows, d = p->hidden_size;
    if (p->kind < LSTM || p->kind > TANH || p->input_size < 0 || d < 1 || p->choices < 1 || p->rows < 0 ||
        p->cells < 1 || p->cells > MAX_CELLS || p->choices < p->cells || sizes[0] != d)
        return -1;
    for (int64_t j = 0; j < p->cells; j++) {
        if (sizes[j] < 1 || sizes[j] > d || contexts[j] < 1 || contexts[j] > d) return -1;
        p->sizes[j] = sizes[j];
        p->contexts[j] = contexts[j];
        p->width += (p->kind == TANH ? 1 : 4) * sizes[j];
    }
    p->width += p->choices > 1 ? p->choices : 0;
    for (int64_t t = 0; t < p->steps; t++) {
        if (p->batch_sizes[t] < 0 || p->batch_sizes[t] > before) return -1;
        before = p->batch_sizes[t];
        tokens += before;
    }
    return tokens;
}

/* Reads (double, kind, d_x, d, sizes, contexts, k, B, batch_sizes, temperature, straight_through, threshold).
   Returns the number of tokens, or -1 with an exception. */
static int64_t read_plan(PyObject *plan, int threads, scan_plan *out, int *is_double) {
    Py_ssize_t input_size, hidden_size, choices, rows;
    int kind;
    Py_buffer sizes, contexts, steps;
    memset(out, 0, sizeof *out);
    *is_double = 0;
    if (!PyTuple_Check(plan)) {
        PyErr_SetString(PyExc_TypeError, "the plan of a scan must be a tuple");
        return -1;
    }
    if (!PyArg_ParseTuple(plan, "pinny*y*nny*dpd", is_double, &kind, &input_size, &hidden_size, &sizes, &contexts,
                          &choices, &rows, &steps, &out->temperature, &out->straight_through, &out->threshold))
        return -1;
    out->kind = (cell_kind)kind;
    out->input_size = input_size;
    out->hidden_size = hidden_size;
    out->choices = choices;
    out->rows = rows;
    out->cells = sizes.len / 8;
    out->steps = steps.len / 8;
    out->batch_sizes = steps.buf; /* the tuple keeps it alive */
    int64_t tokens = threads < 1 || contexts.len != sizes.len ? -1 : fill_plan(out, sizes.buf, contexts.buf);
    PyBuffer_Release(&sizes);
    PyBuffer_Release(&contexts);
    PyBuffer_Release(&steps);
    if (tokens < 0) PyErr_SetString(PyExc_ValueError, "the plan of a scan contradicts itself");
    return tokens;
}

static int64_t state_elements(const scan_plan *p) { return (p->kind == LSTM ? 2 : 1) * p->rows * p->hidden_size; }

static PyObject *py_forward(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *plan;
    int threads, is_double;
    Py_buffer b[11];
    if (!PyArg_ParseTuple(args, "Oiy*y*y*y*z*y*w*w*w*w*w*", &plan, &threads, &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
                          &b[6], &b[7], &b[8], &b[9], &b[10]))
        return NULL;
    scan_plan p;
    int64_t n = read_plan(plan, threads, &p, &is_double), size = is_double ? 8 : 4, d = p.hidden_size;
    int64_t logits = p.choices > 1 ? n * p.choices : 0, state = state_elements(&p);
    const expected list[] = {{"inputs", &b[0], n * p.input_size, size},
                             {"weight", &b[1], p.width * p.input_size, size},
                             {"bias", &b[2], p.width, size},
                             {"recurrent", &b[3], p.width * d, size},
                             {"noise", &b[4], logits, size},
                             {"start", &b[5], state, size},
                             {"hidden", &b[6], n * d, size},
                             {"cells", &b[7], p.kind == LSTM ? n * d : 0, size},
                             {"gates", &b[8], n * p.width, size},
                             {"logits", &b[9], logits, size},
                             {"final", &b[10], state, size}};
    const forward_arrays a = {b[0].buf, b[1].buf, b[2].buf, b[3].buf, b[4].buf, b[5].buf,
                              b[6].buf, b[7].buf, b[8].buf, b[9].buf, b[10].buf};
    return run(kernels[is_double].forward, &p, threads, &a, list, 11, n < 0);
}

static PyObject *py_backward(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *plan;
    int threads, is_double;
    Py_buffer b[12];
    if (!PyArg_ParseTuple(args, "Oiy*y*z*y*y*y*z*z*w*w*w*w*", &plan, &threads, &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
                          &b[6], &b[7], &b[8], &b[9], &b[10], &b[11]))
        return NULL;
    scan_plan p;
    int64_t n = read_plan(plan, threads, &p, &is_double), size = is_double ? 8 : 4, d = p.hidden_size;
    int64_t logits = p.choices > 1 ? n * p.choices : 0, state = state_elements(&p);
    const expected list[] = {{"gates", &b[0], n * p.width, size},
                             {"recurrent", &b[1], p.width * d, size},
                             {"noise", &b[2], logits, size},
                             {"start", &b[3], state, size},
                             {"hidden", &b[4], n * d, size},
                             {"cells", &b[5], p.kind == LSTM ? n * d : 0, size},
                             {"grad_hidden", &b[6], n * d, size},
                             {"grad_logits", &b[7], logits, size},
                             {"grad_state", &b[8], state, size},
                             {"grad_columns", &b[9], n * p.width, size},
                             {"previous", &b[10], n * d, size},
                             {"grad_bias", &b[11], threads * p.width, size}};
    const backward_arrays a = {b[0].buf, b[1].buf, b[2].buf, b[3].buf, b[4].buf,  b[5].buf,
                               b[6].buf, b[7].buf, b[8].buf, b[9].buf, b[10].buf, b[11].buf};
    return run(kernels[is_double].backward, &p, threads, &a, list, 12, n < 0);
}

static PyObject *py_hard(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *plan;
    int threads, is_double;
    Py_buffer b[9];
    if (!PyArg_ParseTuple(args, "Oiy*y*y*y*y*w*w*w*w*", &plan, &threads, &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
                          &b[6], &b[7], &b[8]))
        return NULL;
    scan_plan p;
    int64_t n = read_plan(plan, threads, &p, &is_double), size = is_double ? 8 : 4, d = p.hidden_size;
    int64_t state = state_elements(&p);
    const expected list[] = {{"inputs", &b[0], n * p.input_size, size},
                             {"weight", &b[1], p.width * p.input_size, size},
                             {"bias", &b[2], p.width, size},
                             {"recurrent", &b[3], p.width * d, size},
                             {"start", &b[4], state, size},
                             {"hidden", &b[5], n * d, size},
                             {"logits", &b[6], p.choices > 1 ? n * p.choices : 0, size},
                             {"decisions", &b[7], n, 8},
                             {"final", &b[8], state, size}};
    const hard_arrays a = {b[0].buf, b[1].buf, b[2].buf, b[3].buf, b[4].buf,
                           b[5].buf, b[6].buf, b[7].buf, b[8].buf};
    return run(kernels[is_double].hard, &p, threads, &a, list, 9, n < 0);
}

static PyMethodDef methods[] = {
    {"forward", py_forward, METH_VARARGS,
     "forward(plan, threads, inputs, weight, bias, recurrent, noise, start, hidden, cells, gates, logits, final)"},
    {"backward", py_backward, METH_VARARGS,
     "backward(plan, threads, gates, recurrent, noise, start, hidden, cells, grad_hidden, grad_logits, grad_state, "
     "grad_columns, previous, grad_bias)"},
    {"hard", py_hard, METH_VARARGS,
     "hard(plan, threads, inputs, weight, bias, recurrent, start, hidden, logits, decisions, final)"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_scan", "The sequence scan in C; see scan_native_skim_rnn.py.", -1, methods,
    NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__scan(void) {
    PyObject *made = PyModule_Create(&module);
    if (!made) return NULL;
    choose_kernels();
    if (PyModule_AddStringConstant(made, "instructions", instructions) ||
        PyModule_AddIntConstant(made, "max_cells", MAX_CELLS)) {
        Py_DECREF(made);
        return NULL;
    }
    return made;
}
