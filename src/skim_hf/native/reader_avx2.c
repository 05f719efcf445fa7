/* Reading on processors with AVX2 and FMA, whatever processor this is compiled on. */
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif
#include <stdint.h>
#include <string.h>

#include "simd_avx2.h"
#include "reader_kernels.h"

const reader_kernels reader_avx2 = KERNELS("avx2");
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
