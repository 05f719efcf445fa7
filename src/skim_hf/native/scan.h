/* What the module hands to the kernels. Notation as in modeling/scan_layout_skim_rnn.py. */
#ifndef SKIM_HF_SCAN_H
#define SKIM_HF_SCAN_H

#include <stdint.h>

enum { MAX_CELLS = 32 };

typedef enum { LSTM, GRU, TANH } cell_kind;

/* Sizes of one pass. A thread takes the rows part, part + parts, part + 2 parts and so on: rows run
   from long to short, so all threads get about the same number of tokens, and never meet. */
typedef struct {
    cell_kind kind;
    int64_t input_size;              /* d_x */
    int64_t hidden_size;             /* d */
    int64_t width;                   /* W, columns of a token */
    int64_t cells;                   /* cells that compute something */
    int64_t sizes[MAX_CELLS];        /* m of each */
    int64_t contexts[MAX_CELLS];     /* units of h that each sees */
    int64_t choices;                 /* k; 1 has no decision and no logits */
    int64_t rows, steps;             /* B, T */
    const int64_t *batch_sizes;      /* [T], rows still being read */
    double temperature;
    int straight_through;
    double threshold;                /* of a hard pass */
    int64_t part, parts;
} scan_plan;

/* All arrays are contiguous and of the kernel's element type. P is 2 for LSTM (h, c), else 1. */
typedef struct {
    const void *inputs;              /* [N, d_x] */
    const void *weight;              /* [W, d_x] */
    const void *bias;                /* [W] */
    const void *recurrent;           /* [W, d] */
    const void *noise;               /* [N, k] or NULL */
    const void *start;               /* [P, B, d] */
    void *hidden, *cells;            /* [N, d]; cells for P = 2 only */
    void *gates;                     /* [N, W], activated, and the logits */
    void *logits;                    /* [N, k] */
    void *final;                     /* [P, B, d] */
} forward_arrays;

typedef struct {
    const void *gates, *recurrent, *noise, *start, *hidden, *cells;
    const void *grad_hidden, *grad_logits; /* [N, d] or NULL, [N, k] or NULL */
    void *grad_state;                /* [P, B, d], gradient of the final state in, of the start out */
    void *grad_columns;              /* [N, W] */
    void *previous;                  /* [N, d], h before every token */
    void *grad_bias;                 /* [parts, W], of each thread */
} backward_arrays;

typedef struct {
    const void *inputs;              /* [N, d_x] */
    const void *weight;              /* [W, d_x] */
    const void *bias;                /* [W] */
    const void *recurrent, *start;
    void *hidden;                    /* [N, d] */
    void *logits;                    /* [N, k] */
    int64_t *decisions;              /* [N] */
    void *final;
} hard_arrays;

/* A pass over the rows of one thread; returns 0, or -1 where memory ran out. */
typedef int (*scan_pass)(const scan_plan *, const void *arrays);

typedef struct {
    scan_pass forward, backward, hard;
} scan_kernels;

/* [0] for float, [1] for double. */
extern const scan_kernels scan_portable[2];
#if defined(__x86_64__)
extern const scan_kernels scan_avx2[2];
extern const scan_kernels scan_avx512[2];
#endif

#endif
