/* The order of a cell's columns, and the choice of kernels. */
#include <stdlib.h>
#include <string.h>

#include "reader.h"

#if defined(READER_NEON_DOT) && defined(__linux__)
#include <sys/auxv.h>
#endif

/* Columns of the units that fill no whole block. With whole blocks before them their gates lie close
   together, which saves vectors; alone they are padded gate by gate, which saves taking them apart. */
static int64_t last_columns(int64_t gates, int64_t size, int64_t lanes) {
    int64_t rest = size % lanes, close = (gates * rest + lanes - 1) / lanes * lanes;
    return size < lanes && size ? gates * lanes : close;
}

int64_t reader_columns(reader_kind kind, int64_t size, int64_t lanes) {
    int64_t gates = reader_gates(kind);
    return size / lanes * gates * lanes + last_columns(gates, size, lanes);
}

void reader_order(reader_kind kind, int64_t size, int64_t lanes, int32_t *order) {
    int64_t gates = reader_gates(kind), whole = size / lanes, rest = size % lanes;
    int64_t columns = reader_columns(kind, size, lanes), first = whole * gates * lanes;
    int64_t width = whole ? rest : lanes;
    for (int64_t column = 0; column < columns; column++) {
        int64_t at = column - first, gate, unit;
        if (at < 0) {
            gate = column / lanes % gates;
            unit = column / (gates * lanes) * lanes + column % lanes;
        } else {
            gate = at / width;
            unit = at % width < rest ? whole * lanes + at % width : size;
        }
        order[column] = gate < gates && unit < size ? (int32_t)(gate * size + unit) : -1;
    }
}

int64_t reader_panel(reader_kind kind, int64_t size, int64_t lanes, int64_t vector) {
    int64_t gates = reader_gates(kind), whole = size / lanes * gates;
    return vector < whole ? gates : reader_columns(kind, size, lanes) / lanes - whole;
}

#if defined(READER_NEON_DOT)
static int has_dot_products(void) {
#if defined(__ARM_FEATURE_DOTPROD)
    return 1; /* Compiled for such processors alone, as on every Mac. */
#elif defined(__linux__)
    return (getauxval(AT_HWCAP) & (1UL << 20)) != 0; /* HWCAP_ASIMDDP, which older headers lack */
#else
    return 0;
#endif
}
#endif

const reader_kernels *reader_find_kernels(const char *name) {
    int any = !name || !*name;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if ((any || !strcmp(name, "avx512")) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vnni"))
        return &reader_avx512;
    if ((any || !strcmp(name, "avx2")) && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &reader_avx2;
#elif defined(READER_NEON)
#if defined(READER_NEON_DOT)
    if ((any || !strcmp(name, "neon_dot")) && has_dot_products()) return &reader_neon_dot;
#endif
    if (any || !strcmp(name, "neon")) return &reader_neon;
#endif
    return any || !strcmp(name, "portable") ? &reader_portable : NULL;
}
