/* What a splitter remembers between two code points; see text.c. */
#ifndef SKIM_HF_SPLITTER_H
#define SKIM_HF_SPLITTER_H

#include "vocabulary.h"

/* The open token: none, a run of WORD, or a run of one SYMBOL. */
typedef enum { APART, IN_WORD, IN_RUN } token_kind;

struct splitter {
    const vocabulary *words;
    int64_t position;                /* code points taken */
    int64_t start;                   /* where the open token begins */
    token_kind place;
    uint32_t symbol;                 /* of which there is a run */
    unsigned held;                   /* code points held back: the last ones taken, at most three */
    unsigned char suffix[3 + WORD_SLACK];
    uint64_t length;                 /* bytes of the open token */
    uint64_t longest;                /* those of the longest word; a longer token is unknown whatever it is */
    unsigned char bytes[];           /* longest + 1 + WORD_SLACK: what does not fit falls on the last but slack */
};

/* Whether so many code points are, or begin, one of the suffixes. */
typedef enum { NO_SUFFIX, MAY_BECOME_SUFFIX, SUFFIX } suffix_state;

suffix_state suffix_of(const unsigned char *held, unsigned count);

#endif
