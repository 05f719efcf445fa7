/* Reads with random readers by every instruction set that the processor has: reader_driver SEED. Prints the best one,
   then all that were checked, and returns 0 if they agree; it needs no Python, so an emulated processor can run it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

enum { WORDS = 7, TOKENS = 20, MOST_CHOICES = 3 };

static const char *const names[] = {"portable", "avx2", "avx512", "neon", "neon_dot"};
static const int64_t widths[] = {1, 3, 4, 5, 8, 13, 17, 32, 33, 64, 100};
enum { NAMES = sizeof names / sizeof *names, WIDTHS = sizeof widths / sizeof *widths };

/* LATTICE numbers are a few bits times a power of two: bytes hold them exactly, and sums of floats are exact too.
   EXTREME ones are the largest of these alone, whose products are the hardest to hold. */
typedef enum { REAL, LATTICE, EXTREME } style;
enum { HIDDEN, MEMORY, DECISION, SHARES, CANDIDATE = 10, RECURRENT = 20, INPUTS = 30, WORD = 40 };

typedef struct {
    reader_kind kind;
    style numbers;
    int fast, quantised, is_folded;
    int64_t width, inputs, choices;  /* d, d_x, k */
    int64_t sizes[MOST_CHOICES], contexts[MOST_CHOICES];
} plan;

/* A model of one reader, and what it does not own. */
typedef struct {
    skim_model model;
    char *tables[MOST_CHOICES];
    float *embedding, *decision_table;
    skim_state *state;
    skim_work *work;
} reader;

static uint64_t seed, drawn;
static int64_t counts[MOST_CHOICES];
static int64_t decisions_made, decisions_apart;

static void require(int condition, const char *what, const char *name) {
    if (condition) return;
    printf("failed: %s, %s, seed %llu\n", name, what, (unsigned long long)seed);
    exit(1);
}

static uint64_t mix(uint64_t x) {
    x += seed * 0xD1342543DE82EF95u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static int64_t draw(int64_t below) { return (int64_t)(mix(~drawn++) % (uint64_t)below); }

/* -127 ... 127. Made of its place in one of the arrays, so that every layout of a reader holds the same. */
static int integer(const plan *p, int array, int64_t row, int64_t column) {
    uint64_t x = mix((((uint64_t)array << 20 | (uint64_t)row) << 20 | (uint64_t)column) * 0x9E3779B97F4A7C15u);
    if (p->numbers == EXTREME) return (array + column) % 2 ? -127 : 127;
    return row ? (int)(x % 255) - 127 : 127;
}

/* Units of weights and of states; their product is that of gates. */
static float weight_unit(const plan *p) { return p->numbers == EXTREME ? 1.0f / 16384 : 1.0f / 512; }
static const float state_unit = 1.0f / 128;

static float number(const plan *p, int array, int64_t row, int64_t column, float unit) {
    float shift = p->numbers == REAL ? sinf((float)(row + 3 * column)) / 3 : 0;
    return ((float)integer(p, array, row, column) + shift) * unit;
}

static void *get(int64_t count, size_t size) {
    void *made = skim_allocate(count, (int64_t)size);
    require(made != NULL, "memory", "all");
    return made;
}

/* [rows, columns] in the kernels' order; real weights are small enough for states that do not saturate. */
static float *matrix(const plan *p, int array, int64_t rows, const int32_t *order, int64_t columns) {
    float *made = get(rows * columns, sizeof *made);
    float unit = p->numbers == REAL ? 1 / (64 * sqrtf((float)rows)) : weight_unit(p);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++)
            made[r * columns + c] = order[c] < 0 ? 0 : number(p, array, r, order[c], unit);
    return made;
}

/* Rows of floats, or of bytes with a float behind them; the same numbers. */
static char *table(const plan *p, int array, const int32_t *order, int64_t columns, int64_t stride) {
    char *made = get(WORDS, (size_t)stride);
    for (int64_t word = 0; word < WORDS; word++) {
        char *row = made + word * stride;
        float scale = p->numbers == REAL ? (float)(word + 1) / 300 : state_unit * weight_unit(p);
        for (int64_t c = 0; c < columns; c++) {
            int whole = order[c] < 0 ? 0 : integer(p, array, 1 + word, order[c]);
            float value = (float)whole * scale;
            if (p->quantised)
                ((int8_t *)row)[c] = (int8_t)whole;
            else
                memcpy(row + c * 4, &value, sizeof value);
        }
        if (p->quantised) memcpy(row + columns, &scale, sizeof scale);
    }
    return made;
}

static void build_share(const plan *p, reader *r, int j, const int32_t *order) {
    reader_cell *cell = &r->model.layer->cells[j];
    reader_share *share = &cell->share;
    int64_t columns = share->inputs.columns = cell->columns;
    if (p->is_folded) {
        share->is_bytes = p->quantised;
        share->stride = p->quantised ? columns + 4 : columns * 4;
        share->table = r->tables[j] = table(p, SHARES + j, order, columns, share->stride);
        return;
    }
    float *weights = matrix(p, INPUTS + j, p->inputs, order, columns);
    int failed = skim_pack_plain(&share->inputs, &r->model, p->inputs, columns, p->quantised, weights);
    require(!failed, "memory", "all");
    free(weights);
    share->bias = get(columns, sizeof(float));
    for (int64_t c = 0; c < columns; c++)
        share->bias[c] = order[c] < 0 ? 0 : number(p, SHARES + j, 1, order[c], state_unit * weight_unit(p));
}

static void build_cell(const plan *p, reader *r, int j) {
    reader_cell *cell = &r->model.layer->cells[j];
    int64_t size = p->sizes[j], depth = p->contexts[j], lanes = r->model.kernels->lanes;
    if (!size) return;
    *cell = (reader_cell){.size = size, .context = depth, .columns = reader_columns(p->kind, size, lanes)};
    int32_t *order = get(cell->columns, sizeof *order);
    reader_order(p->kind, size, lanes, order);
    float *weights = matrix(p, RECURRENT + j, depth, order, cell->columns);
    require(!skim_pack(&cell->recurrent, &r->model, p->kind, size, depth, p->quantised, weights), "memory", "all");
    free(weights);
    if (p->kind == READS_GRU) cell->candidate_bias = get(size / lanes + 1, (size_t)lanes * sizeof(float));
    for (int64_t u = 0; p->kind == READS_GRU && u < size; u++)
        cell->candidate_bias[u] = number(p, CANDIDATE + j, 1, u, state_unit * weight_unit(p));
    build_share(p, r, j, order);
    free(order);
}

/* Its numbers are real ones for every plan: it is floats in any. */
static void build_decision(plan p, reader *r) {
    reader_layer *layer = r->model.layer;
    int64_t small = p.choices - 1;
    p.numbers = REAL;
    if (!small) return;
    layer->decision = get(small * layer->padded, sizeof(float));
    for (int64_t j = 0; j < small; j++)
        for (int64_t u = 0; u < p.width; u++)
            layer->decision[j * layer->padded + u] = number(&p, DECISION, 1 + j, u, 1.0f / 64);
    if (p.is_folded) {
        layer->decision_table = r->decision_table = get(WORDS * small, sizeof(float));
        for (int64_t n = 0; n < WORDS * small; n++) r->decision_table[n] = number(&p, DECISION, 10, n, 1.0f / 64);
        return;
    }
    layer->decision_inputs = get(small * p.inputs, sizeof(float));
    layer->decision_bias = get(small, sizeof(float));
    for (int64_t n = 0; n < small * p.inputs; n++)
        layer->decision_inputs[n] = number(&p, DECISION, 11, n, 1.0f / 64);
}

static reader build(const plan *p, const reader_kernels *kernels) {
    reader r = {.model = {.kernels = kernels, .layers = 1, .directions = 1, .readers = 1, .hidden_size = p->width,
                          .choices = p->choices, .vocab_size = WORDS, .embedding_size = p->inputs, .labels = 1, .width = p->width,
                          .pooling = POOL_LAST}};
    int64_t padded = (p->width + kernels->lanes - 1) / kernels->lanes * kernels->lanes;
    r.model.layer = get(1, sizeof *r.model.layer);
    *r.model.layer = (reader_layer){.kind = p->kind, .fast = p->fast, .hidden_size = p->width, .padded = padded,
                                    .input_size = p->is_folded ? 0 : p->inputs, .choices = p->choices,
                                    .hidden_scale = p->kind == READS_LSTM ? 0.5f : 1.0f, .bound = 0.1f};
    r.model.layer->cells = get(p->choices, sizeof *r.model.layer->cells);
    for (int j = 0; j < p->choices; j++) build_cell(p, &r, j);
    build_decision(*p, &r);
    if (!p->is_folded) {
        r.model.embedding = r.embedding = get(WORDS * p->inputs, sizeof(float));
        for (int64_t n = 0; n < WORDS * p->inputs; n++)
            r.embedding[n] = number(p, WORD + (int)(n / p->inputs), n % p->inputs, 0, state_unit);
    }
    return r;
}

/* Once the reader lies where it stays. */
static void start(reader *r) {
    r->state = skim_state_new(&r->model);
    r->work = skim_work_new(&r->model);
    require(r->state && r->work, "memory", "all");
}

static void finish(reader *r) {
    for (int j = 0; j < MOST_CHOICES; j++) free(r->tables[j]);
    free(r->embedding);
    free(r->decision_table);
    skim_state_free(r->state);
    skim_work_free(r->work);
    skim_model_free(&r->model);
}

static int64_t feed(reader *r, int32_t word, float *scores) {
    int64_t choice = -1, width = r->model.hidden_size;
    require(!skim_feed(r->state, r->work, (skim_text){&word, NULL, 1}, &(skim_results){.decisions = &choice, .scores = scores}), "memory", "all");
    for (int64_t u = width; u < r->model.layer->padded; u++)
        require(r->state->readers->h[u] == 0 && r->state->readers->c[u] == 0, "padding", r->model.kernels->name);
    return choice;
}

static void copy_units(reader *to, const reader *from) {
    size_t bytes = (size_t)from->model.hidden_size * sizeof(float);
    memcpy(to->state->readers->h, from->state->readers->h, bytes);
    memcpy(to->state->readers->c, from->state->readers->c, bytes);
}

/* Half units are ties, which every processor has to round alike. */
static void set_units(const plan *p, reader *r) {
    for (int64_t u = 0; u < p->width; u++) {
        r->state->readers->h[u] = (float)integer(p, HIDDEN, u, 0) * (u && p->numbers == REAL ? 0.5f : 1) * state_unit;
        r->state->readers->c[u] = p->kind == READS_LSTM ? number(p, MEMORY, 1, u, state_unit) : 0;
    }
}

static void require_near(const float *a, const float *b, int64_t count, const char *what, const char *name) {
    for (int64_t i = 0; i < count; i++) require(fabsf(a[i] - b[i]) <= 1e-5f * (1 + fabsf(b[i])), what, name);
}

/* Token by token from the same state, so that nothing adds up: a byte rounds alike in both. */
static void check_near(const plan *p, const reader_kernels *kernels) {
    reader truth = build(p, &reader_portable), other = build(p, kernels);
    float scores[2][MOST_CHOICES] = {{0}};
    start(&truth), start(&other);
    set_units(p, &truth);
    for (int t = 0; t < TOKENS; t++) {
        int32_t word = (int32_t)draw(WORDS);
        copy_units(&other, &truth);
        int64_t right = feed(&truth, word, scores[0]), choice = feed(&other, word, scores[1]);
        require_near(scores[1], scores[0], p->choices - 1, "scores", kernels->name);
        counts[right]++, decisions_made++;
        if (choice != right) {
            decisions_apart++;
            continue;
        }
        require_near(other.state->readers->h, truth.state->readers->h, p->width, "h", kernels->name);
        require_near(other.state->readers->c, truth.state->readers->c, p->width, "c", kernels->name);
    }
    finish(&truth), finish(&other);
}

/* Products of bytes are integers, and with such numbers so are those of floats: not one bit may differ. */
static void check_exact(plan p, const reader_kernels *kernels) {
    p.quantised = 1;
    reader bytes = build(&p, kernels);
    p.quantised = 0;
    reader floats = build(&p, kernels);
    start(&bytes), start(&floats);
    for (int32_t word = 0; word < WORDS; word++) {
        set_units(&p, &bytes), set_units(&p, &floats);
        require(feed(&bytes, word, NULL) == feed(&floats, word, NULL), "decision", kernels->name);
        size_t size = (size_t)p.width * sizeof(float);
        require(!memcmp(bytes.state->readers->h, floats.state->readers->h, size), "exact h", kernels->name);
        require(!memcmp(bytes.state->readers->c, floats.state->readers->c, size), "exact c", kernels->name);
    }
    finish(&bytes), finish(&floats);
}

static void check_functions(const reader_kernels *kernels) {
    enum { COUNT = 16 };
    float x[COUNT], found[2][COUNT];
    for (int round = 0; round < 500; round++)
        for (int fast = 0; fast < 2; fast++) {
            for (int i = 0; i < COUNT; i++) x[i] = (float)(draw(200001) - 100000) * (round % 2 ? 1e-4f : 1e-7f);
            x[round % COUNT] = NAN;
            kernels->math(COUNT, fast, x, found[0], found[1]);
            for (int i = 0; i < COUNT; i++) {
                double bound = fast ? 1.2e-5 : 2.5e-7, t = tanh(x[i]), s = 0.5 + 0.5 * tanh(x[i] / 2.0);
                int is_right = i == round % COUNT
                                   ? isnan(found[0][i]) && isnan(found[1][i])
                                   : fabs(found[0][i] - t) <= 2.5 * bound * fabs(t) && fabs(found[1][i] - s) <= bound;
                require(is_right, fast ? "fast functions" : "functions", kernels->name);
            }
        }
}

static void check(const reader_kernels *kernels) {
    check_functions(kernels);
    for (int n = 0; n < 3 * 2 * 2 * WIDTHS; n++) {
        plan p = {.kind = (reader_kind)(n % 3), .is_folded = n / 3 % 2, .quantised = n / 6 % 2, .width = widths[n / 12],
                  .inputs = 1 + draw(50), .choices = 1 + draw(MOST_CHOICES)};
        p.fast = p.quantised;
        for (int j = 0; j < p.choices; j++) {
            p.sizes[j] = j ? draw(p.width + 1) : p.width;
            p.contexts[j] = draw(2) && p.sizes[j] ? p.sizes[j] : p.width;
        }
        check_near(&p, kernels);
        p.numbers = draw(2) ? LATTICE : EXTREME;
        check_exact(p, kernels);
    }
    require(counts[0] && counts[1] && counts[2], "a choice that is never made", kernels->name);
    require(decisions_apart * 200 <= decisions_made, "decisions", kernels->name);
}

int main(int count, char **arguments) {
    seed = count > 1 ? strtoull(arguments[1], NULL, 10) : 0;
    printf("%s:", reader_find_kernels("")->name);
    for (int n = 0; n < NAMES; n++) {
        const reader_kernels *kernels = reader_find_kernels(names[n]);
        if (!kernels) continue;
        drawn = 0;
        check(kernels);
        printf(" %s", kernels->name);
    }
    puts("");
    return 0;
}
