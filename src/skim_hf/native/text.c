/* The splitting rule as an automaton that takes one code point after the other; see text.h.

   Between two code points it remembers the open token and up to three code points that are held back: they began
   like one of the suffixes n't 's 'm 'd 're 've 'll behind a word, and only what follows them says whether they
   are one. A whole text is a single piece, so cutting it into pieces cannot change what comes out. */
#include <stdlib.h>
#include <string.h>

#include "splitter.h"
#include "text_tables.h"
#include "vocabulary.h"

/* Pieces are taken in blocks, and room for all tokens of a block is made before. */
#define BLOCK 4096

splitter *splitter_new(const vocabulary *words) {
    size_t longest = vocabulary_longest(words);
    if (longest > SIZE_MAX - sizeof(splitter) - 1 - WORD_SLACK) return NULL;
    splitter *s = calloc(1, sizeof *s + longest + 1 + WORD_SLACK);
    if (!s) return NULL;
    s->words = words;
    s->longest = longest;
    return s;
}

void splitter_free(splitter *s) { free(s); }

void splitter_reset(splitter *s) {
    s->position = s->start = 0;
    s->place = APART;
    s->held = 0;
    s->length = 0;
}

void splitter_copy(splitter *to, const splitter *from) {
    memcpy(to, from, sizeof *from + (size_t)(from->length < from->longest ? from->length : from->longest));
}

static inline void add_byte(splitter *s, unsigned byte) {
    s->bytes[s->length < s->longest ? s->length : s->longest] = (unsigned char)byte;
    s->length++;
}

static void add_code(splitter *s, uint32_t code) {
    if (code < 0x80) {
        add_byte(s, code);
        return;
    }
    if (code < 0x800) {
        add_byte(s, 0xC0 | code >> 6);
    } else {
        if (code < 0x10000) {
            add_byte(s, 0xE0 | code >> 12);
        } else {
            add_byte(s, 0xF0 | code >> 18);
            add_byte(s, 0x80 | (code >> 12 & 0x3F));
        }
        add_byte(s, 0x80 | (code >> 6 & 0x3F));
    }
    add_byte(s, 0x80 | (code & 0x3F));
}

static inline void append(token_list *out, int32_t id, int64_t start, int64_t end) {
    if (out->count >= out->limit) return;
    out->ids[out->count] = id;
    if (out->wants_offsets) {
        out->starts[out->count] = start;
        out->ends[out->count] = end;
    }
    out->count++;
}

/* Opens a token that has no code point yet. */
static inline void open_token(splitter *s, token_kind place, uint32_t symbol, int64_t at) {
    s->place = place;
    s->symbol = symbol;
    s->start = at;
    s->length = 0;
}

static inline void close_token(splitter *s, int64_t end, token_list *out) {
    if (s->place == APART) return;
    int32_t id = vocabulary_find(s->words, s->bytes, s->length > s->longest ? SIZE_MAX : (size_t)s->length);
    append(out, id, s->start, end);
    s->place = APART;
}

suffix_state suffix_of(const unsigned char *held, unsigned count) {
    static const char suffixes[7][4] = {"n't", "'s", "'m", "'d", "'re", "'ve", "'ll"};
    for (int i = 0; i < 7; i++)
        if (!memcmp(held, suffixes[i], count)) return suffixes[i][count] ? MAY_BECOME_SUFFIX : SUFFIX;
    return NO_SUFFIX;
}

/* Holds back one more code point if a suffix can still come of it. */
static int hold(splitter *s, uint32_t code) {
    if (s->held == 3 || !code || code >= 0x80) return 0;
    s->suffix[s->held] = (unsigned char)code;
    if (suffix_of(s->suffix, s->held + 1) == NO_SUFFIX) return 0;
    s->held++;
    return 1;
}

static void take(splitter *s, uint32_t code, int kind, int64_t at, token_list *out);

/* Nothing came of what is held back: its first code point is an ordinary one, and the others begin anew. */
static void release(splitter *s, int64_t at, token_list *out) {
    unsigned char held[3];
    unsigned count = s->held;
    memcpy(held, s->suffix, sizeof held);
    s->held = 0;
    at -= count;
    if (s->place == APART) open_token(s, IN_RUN, held[0], at);
    add_byte(s, held[0]);
    for (unsigned i = 1; i < count; i++)
        take(s, held[i], held[i] == '\'' ? TEXT_SYMBOL : TEXT_WORD, at + i, out);
}

/* Takes a lower-cased code point where nothing is held back. `behind_word` says what the one before is. */
static inline void take_next(splitter *s, uint32_t code, int kind, int64_t at, int behind_word, token_list *out) {
    if (kind == TEXT_WORD && s->place == IN_WORD) {
        if (code == 'n')
            hold(s, code);
        else
            add_code(s, code);
        return;
    }
    if (s->place != IN_RUN || code != s->symbol) {
        close_token(s, at, out);
        if (kind == TEXT_SPACE) return;
        if (code == '\'' && behind_word) {
            hold(s, code);
            return;
        }
        open_token(s, kind == TEXT_WORD ? IN_WORD : IN_RUN, code, at);
    }
    add_code(s, code);
}

/* Takes any lower-cased code point; it came from place `at` of the text. */
static void take(splitter *s, uint32_t code, int kind, int64_t at, token_list *out) {
    int behind_suffix = 0;
    while (s->held) {
        if (hold(s, code)) return;
        if (kind != TEXT_WORD && suffix_of(s->suffix, s->held) == SUFFIX) {
            close_token(s, at - s->held, out);
            append(out, vocabulary_find(s->words, s->suffix, s->held), at - s->held, at);
            s->held = 0;
            behind_suffix = 1;
        } else {
            release(s, at, out);
        }
    }
    take_next(s, code, kind, at, behind_suffix || s->place == IN_WORD, out);
}

/* The row of a code point from U+0080 on. */
static const text_row *row_of(uint32_t code) {
    size_t low = 0, high = sizeof text_rows / sizeof *text_rows;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (text_rows[middle].first <= code)
            low = middle;
        else
            high = middle;
    }
    return &text_rows[low];
}

/* Takes a code point of the text from U+0080 on. */
static void take_beyond_ascii(splitter *s, uint32_t code, int64_t at, token_list *out) {
    if ((code >= 0xD800 && code < 0xE000) || code > 0x10FFFF) code = 0xFFFD;
    const text_row *row = row_of(code);
    take(s, (code - row->first) % row->every ? code : code + (uint32_t)row->distance, row->kind, at, out);
    if (code == 0x130) take(s, 0x307, TEXT_WORD, at, out);
}

static inline void take_ascii(splitter *s, uint32_t code, int64_t at, token_list *out) {
    unsigned value = text_ascii[code];
    int kind = value < TEXT_WORD ? (int)value : TEXT_WORD;
    if (kind == TEXT_WORD) code = value;
    if (s->held)
        take(s, code, kind, at, out);
    else
        take_next(s, code, kind, at, s->place == IN_WORD, out);
}

static inline uint32_t code_at(const void *data, size_t i, int width) {
    if (width == 1) return ((const uint8_t *)data)[i];
    if (width == 2) return ((const uint16_t *)data)[i];
    return ((const uint32_t *)data)[i];
}

#define ALL(byte) (0x0101010101010101 * (uint64_t)(byte))

/* How many of eight characters are ASCII letters and digits before the first other one. */
static inline unsigned count_letters(uint64_t eight) {
    uint64_t low = eight & ALL(0x7F), small = low | ALL(0x20);
    /* A byte's highest bit says that it is at least the subtracted character. */
    uint64_t letter = (small + ALL(0x80 - 'a')) & ~(small + ALL(0x80 - 'z' - 1));
    uint64_t digit = (low + ALL(0x80 - '0')) & ~(low + ALL(0x80 - '9' - 1));
    uint64_t other = ~((letter | digit) & ~eight) & ALL(0x80);
    return other ? (unsigned)__builtin_ctzll(other) / 8 : 8;
}

/* Adds to the open word the ASCII letters and digits that begin here; returns where they end. It goes no further
   than `take` would, only faster: what may be the beginning of n't is left to it. */
static inline size_t run_through(splitter *s, const void *data, size_t i, size_t end, int width) {
    uint64_t length = s->length, longest = s->longest;
    unsigned count = 8;
    for (; width == 1 && count == 8 && end - i >= 8 && length <= longest; i += count, length += count) {
        uint64_t eight = load_eight((const unsigned char *)data + i);
        store_eight(s->bytes + length, eight | ALL(0x20));
        count = count_letters(eight);
    }
    for (; count == 8 && i < end; i++, length++) {
        uint32_t code = code_at(data, i, width);
        if (code >= 0x80 || text_ascii[code] < TEXT_WORD) break;
        s->bytes[length < longest ? length : longest] = text_ascii[code];
    }
    if (length > 1 && (code_at(data, i - 1, width) | 0x20) == 'n') {
        uint32_t next = i < end ? code_at(data, i, width) : '\'';
        if (next == '\'' || next == 0x2019) {
            i--;
            length--;
        }
    }
    s->length = length;
    return i;
}

static inline void take_block(splitter *s, const void *data, size_t begin, size_t end, int width, token_list *out) {
    int64_t before = s->position - (int64_t)begin;
    for (size_t i = begin; i < end && out->count < out->limit; i++) {
        uint32_t code = code_at(data, i, width);
        if (code < 0x80 && text_ascii[code] >= TEXT_WORD && !s->held) {
            if (s->place != IN_WORD) {
                close_token(s, before + (int64_t)i, out);
                open_token(s, IN_WORD, 0, before + (int64_t)i);
            }
            i = run_through(s, data, i, end, width);
            if (i == end) break;
            code = code_at(data, i, width);
        }
        if (code < 0x80)
            take_ascii(s, code, before + (int64_t)i, out);
        else
            take_beyond_ascii(s, code, before + (int64_t)i, out);
    }
    s->position = before + (int64_t)end;
}

static int grow(void **array, size_t size, size_t room) {
    void *larger = room > SIZE_MAX / size ? NULL : realloc(*array, room * size);
    if (larger) *array = larger;
    return larger ? 0 : -1;
}

/* Makes room for so many more tokens, as far as the limit lets them in. */
static int reserve(token_list *out, size_t more) {
    size_t left = out->limit > out->count ? out->limit - out->count : 0, room = out->room;
    size_t needed = out->count + (more < left ? more : left);
    if (needed <= room && (!out->wants_offsets || (out->starts && out->ends))) return 0;
    if (needed > room) room = needed > SIZE_MAX / 4 ? needed : needed + needed / 2;
    if (!room) room = 1;
    if (grow((void **)&out->ids, sizeof *out->ids, room)) return -1;
    if (out->wants_offsets && (grow((void **)&out->starts, sizeof *out->starts, room) ||
                               grow((void **)&out->ends, sizeof *out->ends, room)))
        return -1;
    out->room = room;
    return 0;
}

int splitter_feed(splitter *s, text_piece piece, int is_last, token_list *out) {
    for (size_t begin = 0; begin < piece.length && out->count < out->limit; begin += BLOCK) {
        size_t end = piece.length - begin > BLOCK ? begin + BLOCK : piece.length;
        if (reserve(out, end - begin + 4)) return -1;
        if (piece.width == 1)
            take_block(s, piece.data, begin, end, 1, out);
        else if (piece.width == 2)
            take_block(s, piece.data, begin, end, 2, out);
        else
            take_block(s, piece.data, begin, end, 4, out);
    }
    if (!is_last) return 0;
    if (reserve(out, 4)) return -1;
    take(s, ' ', TEXT_SPACE, s->position, out);
    splitter_reset(s);
    return 0;
}

void token_list_free(token_list *list) {
    free(list->ids);
    free(list->starts);
    free(list->ends);
    memset(list, 0, sizeof *list);
}
