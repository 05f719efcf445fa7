/* The scan for any processor that the compiler targets by default (SSE2 on x86-64, NEON on arm64). */
#define ISA portable
#define VECTOR_BYTES 16
#define TILE_ROWS 4
#include "scan_body.h"
