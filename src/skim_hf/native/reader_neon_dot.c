/* Reading on arm64 processors with dot products of bytes, whatever processor this is compiled on. */
#include "reader.h"

#if defined(READER_NEON_DOT)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#elif !defined(__ARM_FEATURE_DOTPROD)
/* GCC's header asks for the architecture, of which these products are an option. */
#pragma GCC target("arch=armv8.2-a+dotprod")
#endif
#include <string.h>

#define NEON_DOT
#include "simd_neon.h"
#include "reader_kernels.h"

const reader_kernels reader_neon_dot = KERNELS("neon_dot");
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
