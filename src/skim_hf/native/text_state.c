/* The state of a splitter as bytes. runtime/splitting.py writes the same ones.

   Little-endian: "SKS1", bytes of the longest word, position and start of the open token (64 bits each), its
   kind, the number of code points held back (8 bits each), these (3 bytes), the symbol of a run (32 bits), bytes
   of the open token (64 bits) and the bytes themselves unless there are too many; a CRC-32 of all that. */
#include <string.h>

#include "splitter.h"

#define HEADER 45
#define CHECKSUM 4

static void put(unsigned char *to, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) to[i] = (unsigned char)(value >> 8 * i);
}

static uint64_t get(const unsigned char *from, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value |= (uint64_t)from[i] << 8 * i;
    return value;
}

static uint32_t crc32(const unsigned char *bytes, size_t count) {
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
    }
    return ~crc;
}

/* Bytes of the open token as they are saved. A token too long for the vocabulary is only that. */
static uint64_t saved_length(const splitter *s) {
    if (s->place == APART) return 0;
    return s->length > s->longest ? s->longest + 1 : s->length;
}

static size_t kept_bytes(const splitter *s, uint64_t length) { return length > s->longest ? 0 : (size_t)length; }

size_t splitter_saved_size(const splitter *s) { return HEADER + kept_bytes(s, saved_length(s)) + CHECKSUM; }

void splitter_save(const splitter *s, unsigned char *to) {
    uint64_t length = saved_length(s);
    size_t kept = kept_bytes(s, length);
    memcpy(to, "SKS1", 4);
    put(to + 4, s->longest, 8);
    put(to + 12, (uint64_t)s->position, 8);
    put(to + 20, s->place == APART ? 0 : (uint64_t)s->start, 8);
    put(to + 28, s->place, 1);
    put(to + 29, s->held, 1);
    memset(to + 30, 0, 3);
    memcpy(to + 30, s->suffix, s->held);
    put(to + 33, s->place == IN_RUN ? s->symbol : 0, 4);
    put(to + 37, length, 8);
    memcpy(to + HEADER, s->bytes, kept);
    put(to + HEADER + kept, crc32(to, HEADER + kept), CHECKSUM);
}

/* Whether the fields fit together, so that no later piece finds a state that no text leads to. */
static int is_consistent(const splitter *s) {
    if (s->position < 0 || s->position > INT64_MAX / 2 || s->start < 0 || s->start > s->position) return 0;
    if (s->place > IN_RUN || s->held > 3 || s->symbol > 0x10FFFF) return 0;
    if ((s->place == APART) != (s->length == 0)) return 0;
    if (!s->held) return 1;
    if (s->held > s->position || suffix_of(s->suffix, s->held) == NO_SUFFIX) return 0;
    return s->place == (s->suffix[0] == 'n' ? IN_WORD : APART);
}

int splitter_load(splitter *s, const unsigned char *from, size_t size) {
    if (size < HEADER + CHECKSUM || memcmp(from, "SKS1", 4) || get(from + 4, 8) != s->longest) return -1;
    uint64_t length = get(from + 37, 8);
    size_t kept = kept_bytes(s, length);
    if (length > s->longest + 1 || size - HEADER - CHECKSUM != kept) return -1;
    if (get(from + size - CHECKSUM, CHECKSUM) != crc32(from, size - CHECKSUM)) return -1;
    splitter state = {.position = (int64_t)get(from + 12, 8),
                      .start = (int64_t)get(from + 20, 8),
                      .place = (token_kind)from[28],
                      .held = from[29],
                      .symbol = (uint32_t)get(from + 33, 4),
                      .length = length,
                      .longest = s->longest,
                      .words = s->words};
    memcpy(state.suffix, from + 30, 3);
    if (!is_consistent(&state)) return -1;
    *s = state;
    memcpy(s->bytes, from + HEADER, kept);
    return 0;
}
