/* A whole classifier and the reading of one text: layers, directions, pooling, scores. Knows no Python. */
#ifndef SKIM_HF_MODEL_H
#define SKIM_HF_MODEL_H

#include "reader.h"

typedef struct {
    const reader_kernels *kernels;
    int64_t layers, directions, readers; /* R = layers * directions */
    int64_t hidden_size, choices, vocab_size, embedding_size, labels;
    const float *embedding;          /* [V, E]; NULL where the first layer's shares are tables */
    reader_layer *layer;             /* [R] */
    pooling_kind pooling;
    scoring_kind scoring;
    int per_token;                   /* labels for every token instead of one for the text */
    float *classifier, *bias;        /* [labels, directions * d], [labels] */
} skim_model;

/* Where a text's reading stands; what a stream keeps and saves. */
typedef struct {
    const skim_model *model;
    reader_state *readers;           /* [R] */
    float *units;                    /* all of their h and c */
    int64_t *counts;                 /* [R, k] */
    double *pool;                    /* [directions * d], sum or maximum so far */
    int64_t tokens;
} skim_state;

/* Room for one thread's work on one text. */
typedef struct {
    reader_room room;
    float *outputs[2];               /* [room for tokens, directions * d], of this layer and of the one below */
    float *vectors;                  /* [room for tokens, E], embeddings where they are not folded */
    int64_t tokens;
    float *pooled, *logits;          /* [directions * d], [labels] */
} skim_work;

/* Where results go; NULL leaves one out. */
typedef struct {
    int64_t *decisions;              /* [T, R] */
    float *scores;                   /* [T, R, k - 1] */
    float *logits;                   /* [T, labels], of models with labels per token */
} skim_results;

enum { CHUNK_TOKENS = 256 };

/* Memory that vectors can be loaded from, zeroed, and freed with free(); NULL where there is none. */
void *skim_allocate(int64_t count, int64_t size);

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
int skim_feed(skim_state *, skim_work *, const int32_t *ids, int64_t count, const skim_results *);
/* Reads one text from its start to its end. */
int skim_read(skim_state *, skim_work *, const int32_t *ids, int64_t count, const skim_results *);
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

#endif
