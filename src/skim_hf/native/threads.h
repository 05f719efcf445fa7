/* Runs the parts of a pass side by side. */
#ifndef SKIM_HF_THREADS_H
#define SKIM_HF_THREADS_H

#include "scan.h"

/* Calls `pass` for part 0 to parts - 1 of the plan; returns 0 if all did. */
int run_parts(scan_pass pass, const scan_plan *plan, const void *arrays, int parts);

#endif
