/* The words of a vocabulary in a hash table with open addressing.

   A slot holds the first eight bytes of its word, so most lookups touch one cache line and compare two numbers.
   The bytes behind them lie in `tails`. The hash only says where to look: words are compared byte by byte. It is
   seeded anew for every vocabulary, so that nobody can write one whose words all fall on the same slot. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vocabulary.h"

typedef struct {
    uint64_t head;                   /* the first bytes, zeros behind a shorter word */
    uint32_t size;                   /* length + 1; 0 in a free slot */
    int32_t id;
} slot;

struct vocabulary {
    uint64_t seed;
    size_t mask;                     /* number of slots - 1; at least half of them are free */
    size_t longest;
    int32_t unknown, highest;
    slot *slots;
    size_t *tail_at;                 /* per slot, where the bytes from the ninth on begin in `tails` */
    unsigned char *tails;
};

/* The next up to eight bytes as a number. */
static inline uint64_t load(const unsigned char *p, size_t length) {
    return length >= 8 ? load_eight(p) : load_eight(p) & (((uint64_t)1 << 8 * length) - 1);
}

/* Both halves of the product, folded. */
static inline uint64_t mix(uint64_t a, uint64_t b) {
#ifdef __SIZEOF_INT128__
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
    uint64_t low = (a & 0xffffffff) * (b & 0xffffffff), high = (a >> 32) * (b >> 32);
    uint64_t left = (a >> 32) * (b & 0xffffffff), right = (a & 0xffffffff) * (b >> 32);
    uint64_t middle = (low >> 32) + (left & 0xffffffff) + right;
    return ((middle << 32) | (low & 0xffffffff)) ^ (high + (left >> 32) + (middle >> 32));
#endif
}

static const uint64_t ODD = 0x9e3779b97f4a7c15;

/* The slot that holds the word, or the free one where it belongs. */
static inline size_t place(const vocabulary *v, uint64_t head, const unsigned char *word, size_t length) {
    uint64_t hash = mix(head ^ v->seed, ODD ^ length);
    for (size_t at = 8; at < length; at += 8) hash = mix(hash ^ load(word + at, length - at), ODD ^ v->seed);
    for (size_t i = (size_t)hash & v->mask;; i = (i + 1) & v->mask) {
        const slot *s = &v->slots[i];
        if (!s->size) return i;
        if (s->head == head && s->size == length + 1 &&
            (length <= 8 || !memcmp(v->tails + v->tail_at[i], word + 8, length - 8)))
            return i;
    }
}

int32_t vocabulary_find(const vocabulary *v, const unsigned char *word, size_t length) {
    if (length > v->longest) return v->unknown;
    const slot *s = &v->slots[place(v, load(word, length), word, length)];
    return s->size ? s->id : v->unknown;
}

size_t vocabulary_longest(const vocabulary *v) { return v->longest; }

int32_t vocabulary_highest(const vocabulary *v) { return v->highest; }

static uint64_t new_seed(const vocabulary *v) {
    uint64_t seed = mix((uint64_t)(uintptr_t)v ^ ODD, (uint64_t)(uintptr_t)v->slots ^ (uint64_t)clock());
    return mix(seed ^ (uint64_t)time(NULL), ODD);
}

/* Longest word and bytes of all tails; -1 if a number does not fit. */
static int measure(vocabulary *v, size_t count, const size_t *lengths, size_t *tails) {
    for (size_t i = 0; i < count; i++) {
        if (lengths[i] >= UINT32_MAX - WORD_SLACK || *tails > SIZE_MAX / 2 - lengths[i]) return -1;
        if (lengths[i] > v->longest) v->longest = lengths[i];
        if (lengths[i] > 8) *tails += lengths[i] - 8;
    }
    v->mask = 15;
    while (v->mask / 2 < count) {
        if (v->mask > SIZE_MAX / 4 / sizeof(slot)) return -1;
        v->mask = v->mask * 2 + 1;
    }
    return 0;
}

vocabulary *vocabulary_new(size_t count, const char *const *words, const size_t *lengths, const int32_t *ids,
                           int32_t unknown) {
    vocabulary *v = calloc(1, sizeof *v);
    size_t tails = 0, used = 0;
    if (!v || measure(v, count, lengths, &tails)) {
        free(v);
        return NULL;
    }
    v->unknown = v->highest = unknown;
    v->slots = calloc(v->mask + 1, sizeof *v->slots);
    v->tail_at = calloc(v->mask + 1, sizeof *v->tail_at);
    v->tails = malloc(tails + 1);
    unsigned char *word = calloc(1, v->longest + WORD_SLACK);
    if (!v->slots || !v->tail_at || !v->tails || !word) {
        free(word);
        vocabulary_free(v);
        return NULL;
    }
    v->seed = new_seed(v);
    for (size_t i = 0; i < count; i++) {
        size_t length = lengths[i];
        if (ids[i] > v->highest) v->highest = ids[i];
        memcpy(word, words[i], length);
        uint64_t head = load(word, length);
        size_t at = place(v, head, word, length);
        if (!v->slots[at].size && length > 8) {
            v->tail_at[at] = used;
            memcpy(v->tails + used, word + 8, length - 8);
            used += length - 8;
        }
        /* Of equal words the last one wins, as in JSON. */
        v->slots[at] = (slot){head, (uint32_t)length + 1, ids[i]};
    }
    free(word);
    return v;
}

void vocabulary_free(vocabulary *v) {
    if (!v) return;
    free(v->slots);
    free(v->tail_at);
    free(v->tails);
    free(v);
}
