/* A whole classifier and the reading of one text: layers, directions, pooling, scores. Knows no Python. */
#ifndef SKIM_HF_MODEL_H
#define SKIM_HF_MODEL_H

#include "reader.h"

/* Who chooses what is done with a token that is visited: the kernels, from token and state or unit by unit; a gate of
   the state alone; or a coin or a clock that asks nobody. */
typedef enum { CHOICE_OF_READER, CHOICE_OF_UNITS, CHOICE_OF_GATE, CHOICE_OF_COIN, CHOICE_OF_CLOCK } choice_kind;

typedef struct {
    const reader_kernels *kernels;
    int64_t layers, directions, readers; /* R = layers * directions */
    int64_t hidden_size, choices, vocab_size, embedding_size, labels;
    const float *embedding;          /* [V, E]; NULL where the first layer's shares are tables */
    reader_layer *layer;             /* [R] */
    pooling_kind pooling;
    scoring_kind scoring;
    int per_token;                   /* labels for every token instead of one for the text */
    float *classifier, *bias;        /* [labels, width], [labels] */
    int64_t width;                   /* of what is pooled: directions * d, or without layers E */
    int frames;                      /* texts are vectors [T, E] instead of ids */
    choice_kind chooser;
    double skip_rate;                /* share of tokens that a coin or a clock skips */
    float gate_bound;                /* a gate's sum above which a token is read */
    int64_t jump_every, jump_size, jump_limit; /* R, K, N; R = 0 for models that visit every token */
} skim_model;

/* One text, or a piece of it: ids, or of models of frames vectors. */
typedef struct {
    const int32_t *ids;
    const float *frames;
    int64_t count;
} skim_text;

/* Where one direction stands in a text that it does not read token by token. */
typedef struct {
    float level, step;               /* a gate's sum, and what a skipped token adds to it */
    int64_t left, next;              /* tokens to visit before the next jump; the first that no jump passes over */
    int64_t jumps, decisions;        /* jumps made, and jump decisions, one more where the last one was to stop */
} skim_pointer;

/* Where a text's reading stands; what a stream keeps and saves. */
typedef struct {
    const skim_model *model;
    skim_pointer *pointers;          /* [directions] */
    reader_state *readers;           /* [R] */
    float *units;                    /* all of their h and c */
    int64_t *counts;                 /* [R, k] */
    double *pool;                    /* [width], sum or maximum so far */
    int64_t tokens;
} skim_state;

/* Room for one thread's work on one text. */
typedef struct {
    reader_room room;
    float *outputs[2];               /* [room for tokens, directions * d], of this layer and of the one below */
    float *vectors;                  /* [room for tokens, E], embeddings where they are not folded */
    int64_t tokens;
    float *pooled, *logits, *jump;   /* [width], [labels], [K + 1] */
} skim_work;

/* Where results go; NULL leaves one out. */
typedef struct {
    int64_t *decisions;              /* [T, R] */
    float *scores;                   /* [T, R, k - 1] */
    float *logits;                   /* [T, labels], of models with labels per token */
    int64_t *units;                  /* [T, R], of models whose units are updated one by one */
    float *outputs;                  /* [T, directions * d], what the top layer gives; of models with layers */
} skim_results;

enum { CHUNK_TOKENS = 256 };

/* Memory that vectors can be loaded from, zeroed, and freed with free(); NULL where there is none. */
void *skim_allocate(int64_t count, int64_t size);
float *skim_floats(int64_t count);

skim_state *skim_state_new(const skim_model *);
void skim_state_free(skim_state *);
void skim_state_reset(skim_state *);
void skim_state_copy(skim_state *to, const skim_state *from);
size_t skim_state_size(const skim_model *);
void skim_state_save(const skim_state *, unsigned char *to);
/* Returns -1, and leaves a state that has to be reset, if the bytes hold impossible values. */
int skim_state_load(skim_state *, const unsigned char *from);

skim_work *skim_work_new(const skim_model *);
void skim_work_free(skim_work *);

/* Reads on; only for models of one direction. Returns 0, or -1 where memory ran out. */
int skim_feed(skim_state *, skim_work *, skim_text, const skim_results *);
/* Reads one text from its start to its end. */
int skim_read(skim_state *, skim_work *, skim_text, const skim_results *);
/* [labels], of what was read so far. */
void skim_logits(const skim_state *, skim_work *, float *logits);
/* Logits to scores, in place. */
void skim_scores(const skim_model *, float *logits);

/* Frees what the model owns: packed weights, not tables or embeddings. */
void skim_model_free(skim_model *);

/* Packs [depth, columns] for the kernels' panels of a cell of `size` units; as bytes if `quantised`. */
int skim_pack(reader_product *, const skim_model *, reader_kind kind, int64_t size, int64_t depth, int quantised,
              const float *from);
/* The same for a product by itself, which has panels of four vectors. */
int skim_pack_plain(reader_product *, const skim_model *, int64_t depth, int64_t columns, int quantised,
                    const float *from);

/* Whether tokens may be passed over or skipped without being looked at; then model_walk.c reads. */
static inline int skim_is_walked(const skim_model *m) { return m->jump_every || m->chooser >= CHOICE_OF_GATE; }

/* model_walk.c: one direction of the layers from `first` to `last` over a piece of a text; `inputs` [count, directions
   * d] are what the layer below found, if there is one. Adds what is pooled. */
typedef struct {
    int64_t direction, first, last;
    skim_text text;
    const float *inputs;
} skim_walk;
void skim_walk_text(skim_state *, skim_work *, const skim_walk *, const skim_results *);
void skim_pointer_reset(const skim_model *, skim_pointer *);

/* model.c: what the first layer reads of a text: frames, embeddings, or NULL where tables have taken their place. */
const float *skim_inputs(const skim_model *, const skim_work *, const skim_text *);
/* One direction of one layer over tokens that lie together. */
void skim_run_reader(skim_state *, const skim_work *, int64_t layer, int64_t direction, const skim_text *,
                     const float *inputs, int64_t input_width, float *outputs, const skim_results *);
/* Whether anybody asks for what the top layer gives at every token. */
static inline int skim_wants_top(const skim_model *m, const skim_results *out) {
    return m->pooling != POOL_LAST || out->logits || out->outputs;
}
/* Adds outputs, `units` of each token and `stride` apart, to the units of the pool that start at `first`. */
void skim_pool(skim_state *, const float *outputs, int64_t count, int64_t stride, int64_t first, int64_t units);

#endif
