/* Reading on processors with NEON, which every arm64 has. */
#include "reader.h"

#if defined(READER_NEON)
#include <string.h>

#include "simd_neon.h"
#include "reader_kernels.h"

const reader_kernels reader_neon = KERNELS("neon");
#endif
