/* A set of words with their ids, looked up by their UTF-8 bytes; text.h makes and frees it. */
#ifndef SKIM_HF_VOCABULARY_H
#define SKIM_HF_VOCABULARY_H

#include "text.h"

/* So many bytes behind a word that is looked up must be readable. */
#define WORD_SLACK 8

/* Eight bytes as a number. Written out, so that it is the same number on every processor. */
static inline uint64_t load_eight(const unsigned char *p) {
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 |
           (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

static inline void store_eight(unsigned char *p, uint64_t eight) {
    for (int i = 0; i < 8; i++) p[i] = (unsigned char)(eight >> 8 * i);
}

/* Bytes of the longest word. */
size_t vocabulary_longest(const vocabulary *);

/* No word has a higher id, known or not. */
int32_t vocabulary_highest(const vocabulary *);

/* The id of a word, or that of unknown ones. */
int32_t vocabulary_find(const vocabulary *, const unsigned char *word, size_t length);

#endif
