/* Feeds random texts to the splitter, whole and in pieces: text_driver SEED COUNT. Prints "ok" and returns 0 if
   all cuttings gave the same tokens; meant to be compiled with sanitizers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static uint64_t state;

static uint32_t draw(uint32_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

static void require(int condition, const char *what) {
    if (condition) return;
    printf("failed: %s\n", what);
    exit(1);
}

static uint32_t draw_code(int width, uint32_t taste) {
    static const uint32_t usual[] = {'n', 'N', '\'', 't', 's', 'e', 'r', 'v', 'l', 'm', 'd', 'a', ' ', '.', '!', 0x2019};
    static const uint32_t rare[] = {0, 0x130, 0x307, 0xD800, 0xDFFF, 0x1F600, 0x10FFFF, 0xFFFFFFFF, 0xE9, 0x4E00};
    uint32_t code = taste == 0 ? usual[draw(16)] : taste == 1 ? rare[draw(10)] : draw(0x7FFFFFFF) >> draw(31);
    return width == 1 ? code & 0xFF : width == 2 ? code & 0xFFFF : code;
}

/* Memory of exactly the size of the piece, so that one byte too far is seen. */
static text_piece piece_of(const uint32_t *codes, size_t length, int width, void **memory) {
    *memory = malloc(length * (size_t)width + !length);
    for (size_t i = 0; i < length; i++) {
        if (width == 1) ((uint8_t *)*memory)[i] = (uint8_t)codes[i];
        if (width == 2) ((uint16_t *)*memory)[i] = (uint16_t)codes[i];
        if (width == 4) ((uint32_t *)*memory)[i] = codes[i];
    }
    return (text_piece){*memory, length, width};
}

static void feed(splitter *s, const uint32_t *codes, size_t length, int width, int is_last, token_list *out) {
    void *memory;
    text_piece piece = piece_of(codes, length, width, &memory);
    require(!splitter_feed(s, piece, is_last, out), "memory");
    free(memory);
}

static vocabulary *random_vocabulary(void) {
    static const char letters[] = "nts'eral\xc3\xa9!";
    char *words[60];
    size_t lengths[60], count = draw(60);
    int32_t ids[60];
    for (size_t i = 0; i < count; i++) {
        lengths[i] = draw(10) ? draw(12) : draw(3000);
        words[i] = malloc(lengths[i] + !lengths[i]);
        for (size_t j = 0; j < lengths[i]; j++) words[i][j] = letters[draw(sizeof letters - 1)];
        ids[i] = (int32_t)draw(1000);
    }
    vocabulary *made = vocabulary_new(count, (const char *const *)words, lengths, ids, 7);
    require(made != NULL, "vocabulary");
    for (size_t i = 0; i < count; i++) free(words[i]);
    return made;
}

/* Saves the state, damages the bytes now and then, and goes on in another splitter. */
static splitter *move(splitter *s, const vocabulary *words) {
    size_t size = splitter_saved_size(s);
    unsigned char *bytes = malloc(size);
    splitter *next = splitter_new(words);
    splitter_save(s, bytes);
    bytes[draw((uint32_t)size)] ^= (unsigned char)(1 + draw(255));
    require(splitter_load(next, bytes, size) == -1, "damaged bytes were taken");
    require(splitter_load(next, bytes, draw((uint32_t)size)) == -1, "too few bytes were taken");
    splitter_save(s, bytes);
    require(!splitter_load(next, bytes, size), "load");
    splitter_free(s);
    free(bytes);
    return next;
}

static int same(const token_list *a, const token_list *b, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (a->ids[i] != b->ids[i] || a->starts[i] != b->starts[i] || a->ends[i] != b->ends[i]) return 0;
    return 1;
}

static void check_text(const vocabulary *words, const uint32_t *codes, size_t length, int width) {
    token_list whole = {.limit = SIZE_MAX, .wants_offsets = 1}, pieces = whole, few = whole;
    splitter *s = splitter_new(words), *twin = splitter_new(words);
    feed(s, codes, length, width, 1, &whole);
    for (size_t i = 0, step; i < length; i += step) {
        step = 1 + draw(draw(2) ? 3 : 5000);
        if (step > length - i) step = length - i;
        feed(s, codes + i, step, draw(2) ? width : 4, 0, &pieces);
        if (!draw(20)) s = move(s, words);
        splitter_copy(twin, s);
    }
    size_t before = pieces.count;
    feed(twin, codes, 0, 1, 1, &pieces);
    require(pieces.count == whole.count && same(&whole, &pieces, whole.count), "pieces of a copy");
    pieces.count = before;
    feed(s, codes, 0, 1, 1, &pieces);
    require(pieces.count == whole.count && same(&whole, &pieces, whole.count), "pieces");
    few.limit = draw(4) ? draw(10) : whole.count;
    feed(s, codes, length, width, 1, &few);
    require(few.count == (few.limit < whole.count ? few.limit : whole.count), "limit");
    require(same(&whole, &few, few.count), "limited tokens");
    int64_t last = 0;
    for (size_t i = 0; i < whole.count; last = whole.ends[i++])
        require(last <= whole.starts[i] && whole.starts[i] < whole.ends[i], "order of offsets");
    require(last <= (int64_t)length, "offsets within the text");
    token_list_free(&whole);
    token_list_free(&pieces);
    token_list_free(&few);
    splitter_free(s);
    splitter_free(twin);
}

int main(int count, char **arguments) {
    static uint32_t codes[20000];
    state = count > 1 ? strtoull(arguments[1], NULL, 10) : 0;
    int rounds = count > 2 ? atoi(arguments[2]) : 100;
    for (int round = 0; round < rounds; round++) {
        static const int widths[] = {1, 2, 4};
        vocabulary *words = random_vocabulary();
        for (int text = 0; text < 8; text++) {
            int width = widths[draw(3)];
            size_t length = draw(10) ? draw(40) : draw(20000);
            uint32_t taste = draw(4), letter = draw(3) ? 0 : draw_code(width, 0);
            for (size_t i = 0; i < length; i++)
                codes[i] = letter && draw(100) ? letter : draw_code(width, taste == 3 ? draw(3) : taste);
            check_text(words, codes, length, width);
        }
        vocabulary_free(words);
    }
    puts("ok");
    return 0;
}
