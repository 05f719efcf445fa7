/* Reading on processors with AVX-512 with VNNI, whatever processor this is compiled on. */
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx512vnni,avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,avx512vnni,avx2,fma")
#endif
#include <stdint.h>
#include <string.h>

#include "simd_avx512.h"
#include "reader_kernels.h"

const reader_kernels reader_avx512 = KERNELS("avx512");
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
