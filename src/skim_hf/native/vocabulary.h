/* A set of words with their ids, looked up by their UTF-8 bytes; text.h makes and frees it. */
#ifndef SKIM_HF_VOCABULARY_H
#define SKIM_HF_VOCABULARY_H

#include "text.h"

/* So many bytes behind a word that is looked up must be readable. */
#define WORD_SLACK 8

/* Bytes of the longest word. */
size_t vocabulary_longest(const vocabulary *);

/* The id of a word, or that of unknown ones. */
int32_t vocabulary_find(const vocabulary *, const unsigned char *word, size_t length);

#endif
