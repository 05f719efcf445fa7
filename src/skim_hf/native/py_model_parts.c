/* What a model of the other readers has beside cells: units, gates, heads of jumps, initial states. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "py_model.h"

enum { MOST_JUMP = 1 << 20 };

/* (chooser, skip rate, gate bound, R, K, N) */
int build_rules(skim_model *m, PyObject *spec) {
    int chooser;
    double rate, bound;
    Py_ssize_t every, size, limit;
    if (spec == Py_None) return 0;
    if (!is_tuple(spec, "set of rules") ||
        !PyArg_ParseTuple(spec, "iddnnn", &chooser, &rate, &bound, &every, &size, &limit)) return -1;
    int has_gate = chooser == CHOICE_OF_GATE;
    if (chooser < CHOICE_OF_READER || chooser > CHOICE_OF_CLOCK || !(rate >= 0 && rate < 1) || isnan(bound) ||
        every < 0 || limit < 0 || (every ? size < 1 || size > MOST_JUMP : size || limit) ||
        (chooser && m->choices != 2) || (m->directions > 1 && m->layers > 1 && (has_gate || every)) ||
        (!m->layers && (chooser || every))) {
        PyErr_SetString(PyExc_ValueError, "The rules of a model contradict themselves or its sizes.");
        return -1;
    }
    m->chooser = (choice_kind)chooser, m->skip_rate = rate, m->gate_bound = (float)bound;
    m->jump_every = every, m->jump_size = size, m->jump_limit = limit;
    return 0;
}

/* (recurrent, candidate bias or None, table or None, input weights or None, bias or None, own, table of the
   coordinator or None, its input weights or None, its bias or None) */
static int build_units(model_object *self, reader_layer *layer, PyObject *spec) {
    PyObject *recurrent, *candidate, *table, *inputs, *bias, *own, *says, *says_inputs, *says_bias;
    int64_t d = layer->hidden_size, gates = reader_gates(layer->kind), width = layer->input_size;
    if (!is_tuple(spec, "set of units") || !PyArg_ParseTuple(spec, "OOOOOOOOO", &recurrent, &candidate, &table, &inputs,
                                                            &bias, &own, &says, &says_inputs, &says_bias)) return -1;
    if ((layer->kind == READS_GRU) != (candidate != Py_None) || (table == Py_None) != (width > 0) ||
        (says == Py_None) != (width > 0)) {
        PyErr_SetString(PyExc_ValueError, "A set of units contradicts its model.");
        return -1;
    }
    reader_units *units = layer->units = calloc(1, sizeof *units);
    if (!units) return PyErr_NoMemory(), -1;
    if (!(units->recurrent = copy_array(recurrent, "recurrent", d * gates, d, layer->padded)) ||
        (candidate != Py_None && !(units->candidate_bias = copy_array(candidate, "candidate bias", 1, d, d))) ||
        !(units->own = copy_array(own, "own", 1, d, layer->padded)))
        return -1;
    if (width) {
        if (!(units->inputs = copy_array(inputs, "input weights", d * gates, width, width)) ||
            !(units->bias = copy_array(bias, "bias", 1, d * gates, d * gates)))
            return -1;
    } else if (!(units->table = hold_array(self, table, "table", self->model.vocab_size, d * gates, sizeof(float)))) {
        return -1;
    }
    return build_share(self, &units->coordinator, layer->padded, width, 0, says, says_inputs, says_bias);
}

/* (weights [d], bias) */
static int build_gate(reader_layer *layer, PyObject *spec) {
    PyObject *weights;
    double bias;
    if (!is_tuple(spec, "gate") || !PyArg_ParseTuple(spec, "Od", &weights, &bias)) return -1;
    layer->gate_bias = (float)bias;
    return (layer->gate = copy_array(weights, "gate", 1, layer->hidden_size, layer->padded)) ? 0 : -1;
}

/* (weights [K + 1, d], bias [K + 1]) */
static int build_jump(const skim_model *m, reader_layer *layer, PyObject *spec) {
    PyObject *weights, *bias;
    int64_t choices = m->jump_size + 1;
    if (!is_tuple(spec, "jump") || !PyArg_ParseTuple(spec, "OO", &weights, &bias)) return -1;
    return (layer->jump = copy_array(weights, "jump", choices, layer->hidden_size, layer->padded)) &&
                   (layer->jump_bias = copy_array(bias, "jump bias", 1, choices, choices))
               ? 0
               : -1;
}

/* (units, gate, jump, initial state [2, d] as the loop keeps it), each or None */
int build_parts(model_object *self, reader_layer *layer, PyObject *spec) {
    const skim_model *m = &self->model;
    PyObject *units = Py_None, *gate = Py_None, *jump = Py_None, *initial = Py_None;
    int is_top = layer - m->layer >= m->readers - m->directions;
    if (spec != Py_None &&
        (!is_tuple(spec, "set of parts") || !PyArg_ParseTuple(spec, "OOOO", &units, &gate, &jump, &initial)))
        return -1;
    if ((units != Py_None) != (m->chooser == CHOICE_OF_UNITS) ||
        (gate != Py_None) != (is_top && m->chooser == CHOICE_OF_GATE) || (jump != Py_None) != (is_top && m->jump_every)) {
        PyErr_SetString(PyExc_ValueError, "The parts of a reader contradict its model.");
        return -1;
    }
    if ((units != Py_None && build_units(self, layer, units)) || (gate != Py_None && build_gate(layer, gate)) ||
        (jump != Py_None && build_jump(m, layer, jump)))
        return -1;
    if (initial == Py_None) return 0;
    return (layer->initial = copy_array(initial, "initial state", 2, layer->hidden_size, layer->padded)) ? 0 : -1;
}
