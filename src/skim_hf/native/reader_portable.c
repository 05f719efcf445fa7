/* Reading on any processor that the compiler targets by default (SSE2 on x86-64, NEON on arm64). */
#include <stdint.h>
#include <string.h>

#include "simd_portable.h"
#include "reader_kernels.h"

const reader_kernels reader_portable = KERNELS("portable");
