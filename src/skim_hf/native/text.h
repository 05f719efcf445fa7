/* From text to token ids: the splitting rule of docs/tokenizer.md and a vocabulary of words.

   Nothing here knows Python. A vocabulary never changes and may be shared by threads; a splitter is one
   text's state and belongs to one thread at a time. */
#ifndef SKIM_HF_TEXT_H
#define SKIM_HF_TEXT_H

#include <stddef.h>
#include <stdint.h>

typedef struct vocabulary vocabulary;
typedef struct splitter splitter;

/* A piece of a text as Python stores it: `length` code points of `width` (1, 2 or 4) bytes each. A lone
   surrogate counts as U+FFFD. */
typedef struct {
    const void *data;
    size_t length;
    int width;
} text_piece;

/* Tokens found so far; grows as needed. Zero it, set `limit`, and free it with token_list_free. */
typedef struct {
    int32_t *ids;
    int64_t *starts, *ends;          /* code points of the whole text; NULL unless `wants_offsets` */
    size_t count, room;
    size_t limit;                    /* splitting stops at so many tokens; SIZE_MAX for all */
    int wants_offsets;
} token_list;

/* `words` are UTF-8 of `lengths` bytes. Returns NULL where memory ran out. */
vocabulary *vocabulary_new(size_t count, const char *const *words, const size_t *lengths, const int32_t *ids,
                           int32_t unknown);
void vocabulary_free(vocabulary *);

/* A splitter at the start of a text; NULL where memory ran out. The vocabulary must outlive it. */
splitter *splitter_new(const vocabulary *);
void splitter_free(splitter *);
void splitter_reset(splitter *);

/* Makes `to`, of the same vocabulary, a copy of `from`. */
void splitter_copy(splitter *to, const splitter *from);

/* Takes the next piece of the text and appends the tokens that no further piece can change; with `is_last`,
   all that are left. The memory of a splitter does not grow. Returns 0, or -1 where memory ran out. */
int splitter_feed(splitter *, text_piece piece, int is_last, token_list *out);

/* The state as bytes, and back; `load` returns -1 if the bytes are no such state. */
size_t splitter_saved_size(const splitter *);
void splitter_save(const splitter *, unsigned char *to);
int splitter_load(splitter *, const unsigned char *from, size_t size);

void token_list_free(token_list *);

#endif
