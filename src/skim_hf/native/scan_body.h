/* The kernels of one instruction set, in both precisions; ISA, VECTOR_BYTES and TILE_ROWS are given. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scan.h"

#define JOIN_(a, b, c) a##_##b##_##c
#define JOIN(a, b, c) JOIN_(a, b, c)
#define NAME(x) JOIN(x, ISA, REAL)

#define REAL float
#include "scan_math.h"
#include "scan_product.h"
#include "scan_cells.h"
#include "scan_work.h"
#include "scan_train.h"
#include "scan_hard.h"
#undef REAL

#define REAL double
#define REAL_IS_DOUBLE
#include "scan_math.h"
#include "scan_product.h"
#include "scan_cells.h"
#include "scan_work.h"
#include "scan_train.h"
#include "scan_hard.h"
#undef REAL

#define TABLE_(isa) scan_##isa
#define TABLE(isa) TABLE_(isa)
#define KERNELS_(isa, real) \
    { forward_##isa##_##real, backward_##isa##_##real, hard_##isa##_##real }
#define KERNELS(isa, real) KERNELS_(isa, real)
const scan_kernels TABLE(ISA)[2] = {KERNELS(ISA, float), KERNELS(ISA, double)};
