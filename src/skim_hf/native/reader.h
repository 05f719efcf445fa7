/* A trained reader, laid out for one instruction set, and what one text's reading needs. Knows no Python.

   Notation as in docs/architecture.md. The loop keeps h multiplied by 1 / hidden_scale, as runtime/prepare.py says,
   and gates multiplied by what makes their exponentials powers of two (reader_math.h).

   Columns of a cell come in blocks of LANES units, gate by gate: block 0 of g, f, i, o, block 1 of g, and so
   on, so that a block's product is followed at once by its element-wise work. The units that fill no whole
   block follow, gate by gate; their columns are padded to whole vectors, and their gates too if there is no
   whole block (reader_layout.c). */
#ifndef SKIM_HF_READER_H
#define SKIM_HF_READER_H

#include <stddef.h>
#include <stdint.h>

typedef enum { READS_LSTM, READS_GRU, READS_TANH } reader_kind;
static inline int reader_gates(reader_kind kind) { return kind == READS_LSTM ? 4 : kind == READS_GRU ? 3 : 1; }
typedef enum { POOL_LAST, POOL_MEAN, POOL_MAX } pooling_kind;
typedef enum { SCORE_SOFTMAX, SCORE_SIGMOID, SCORE_NONE } scoring_kind;

enum { MAX_GATES = 4, MOST_ROWS = 12, QUANTISED_DEPTH = 32, MOST_QUANTISED_DEPTH = 1 << 16 };

/* A vector [depth] times a matrix [depth, columns]: panels of a few vectors of columns, each panel [depth,
   vectors, LANES]; as bytes [depth / 4, vectors, LANES, 4]. */
typedef struct {
    int64_t depth, columns;
    float *weights;                  /* or NULL, and then: */
    int8_t *bytes;
    float *scales;                   /* [columns] */
    int32_t *offsets;                /* [columns], what the activations' offset adds, negated */
} reader_product;

/* What the input of a token adds to the columns of a cell. */
typedef struct {
    const char *table;               /* [V] rows, or NULL: then a product with the input */
    int64_t stride;                  /* bytes from row to row */
    int is_bytes;                    /* rows hold int8 [columns], then the scale, a float */
    reader_product inputs;           /* [d_x, columns] */
    float *bias;                     /* [columns] */
} reader_share;

typedef struct {
    int64_t size, context, columns;  /* m, 0 copies the state; units of h that it sees */
    reader_product recurrent;
    float *candidate_bias;           /* [m], a GRU's bias inside the reset gate; NULL for others */
    reader_share share;
} reader_cell;

/* A cell whose units are updated one by one. Everything lies unit by unit, the gates of a unit together, so that
   a unit which keeps its value costs nothing: no product, and no byte of memory. */
typedef struct {
    float *recurrent;                /* [d, G, padded] */
    const float *table;              /* [V, d, G], or NULL, and then: */
    float *inputs, *bias;            /* [d, G, d_x], [d, G] */
    float *candidate_bias;           /* [d], as in reader_cell */
    reader_share coordinator;        /* what the input says of each unit; its columns are padded to whole vectors */
    float *own;                      /* [padded], what a unit says of itself, times its h */
} reader_units;

typedef struct {
    reader_kind kind;
    int fast;                        /* activations of lower precision, for int8 */
    int64_t hidden_size, padded;     /* d, and d rounded up to whole vectors */
    int64_t input_size;              /* d_x; 0 where all shares are tables */
    int64_t choices;                 /* k; 1 where not the kernels choose what is done with a token */
    float hidden_scale, bound;       /* log-odds above which a token is skimmed, or sum above which a unit is updated */
    reader_cell *cells;              /* [k], or NULL, and then: */
    reader_units *units;
    float *decision;                 /* [k - 1, padded] */
    const float *decision_table;     /* [V, k - 1] or NULL: then */
    float *decision_inputs;          /* [k - 1, d_x] */
    float *decision_bias;            /* [k - 1] */
    float *initial;                  /* [2, padded], h and c before the first token; NULL for zeros */
    float *gate, gate_bias;          /* [padded], of the state's part that says when to read next; or NULL */
    float *jump, *jump_bias;         /* [K + 1, padded], [K + 1], of h; or NULL */
} reader_layer;

/* The state of one reader. All rows are aligned, and zero beyond d. */
typedef struct {
    float *h, *c;                    /* [padded] */
    int64_t *counts;                 /* [k], how often each choice was made */
    int64_t units;                   /* how many units were updated one by one */
} reader_state;

/* Room for one token's work; nothing in it outlives a token. */
typedef struct {
    float *row, *fresh, *scores;     /* [most columns], [padded], [k - 1] */
    uint8_t *quantised;              /* [most depth] */
    float *chosen;                   /* [MAX_GATES + 2, padded], of the units that are updated */
    int32_t *list;                   /* [padded], their numbers */
    float *rows;                     /* [MOST_ROWS, most columns], shares of the next inputs */
} reader_room;

/* What a layer reads, and where the results go. NULL leaves a result out. Strides are in elements, negative
   for a text that is read backwards. */
typedef struct {
    int64_t count;
    const int32_t *ids;              /* or, where the shares are products: */
    const float *inputs;
    int64_t ids_stride, input_stride;
    int64_t *decisions;
    int64_t decision_stride;
    float *scores;                   /* [k - 1] of each token */
    int64_t score_stride;
    float *outputs;                  /* [d] */
    int64_t output_stride;
    int64_t *units;                  /* units updated by each token */
    int64_t units_stride;
} reader_task;

typedef struct {
    int64_t lanes;
    const char *name;
    void (*read)(const reader_layer *, reader_state *, const reader_room *, const reader_task *);
    /* The same for layers whose units are updated one by one. */
    void (*read_units)(const reader_layer *, reader_state *, const reader_room *, const reader_task *);
    /* The product of two rows of whole vectors. */
    float (*dot)(int64_t padded, const float *, const float *);
    /* tanh and sigmoid of whole vectors of x, as the cells compute them; for tests. */
    void (*math)(int64_t n, int fast, const float *x, float *tanh_x, float *sigmoid_x);
} reader_kernels;

extern const reader_kernels reader_portable;
#if defined(__x86_64__)
extern const reader_kernels reader_avx2;
extern const reader_kernels reader_avx512;
#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define READER_NEON
extern const reader_kernels reader_neon;
/* Older compilers know dot products of bytes only where every function may use them. */
#if defined(__ARM_FEATURE_DOTPROD) || (defined(__clang__) ? __clang_major__ >= 16 : __GNUC__ >= 8)
#define READER_NEON_DOT
extern const reader_kernels reader_neon_dot;
#endif
#endif

/* The kernels of that name, or with an empty name the best; NULL where this processor lacks them. */
const reader_kernels *reader_find_kernels(const char *name);

/* reader_layout.c */
int64_t reader_columns(reader_kind kind, int64_t size, int64_t lanes);
/* order[column] = gate * m + unit of each of `reader_columns` columns, or -1 for padding. */
void reader_order(reader_kind kind, int64_t size, int64_t lanes, int32_t *order);
/* Vectors of the panel that starts at a vector, of a cell's columns. */
int64_t reader_panel(reader_kind kind, int64_t size, int64_t lanes, int64_t vector);

#endif
