/* Products of a vector with packed panels of columns, as floats or as bytes. */

/* A vector that a product is done with: floats, and for packed bytes what they were quantised to. */
typedef struct {
    const float *values;
    const uint8_t *bytes;            /* as vec_to_bytes makes them, padded to a multiple of 4 */
    float scale;
} operand;

/* What a product is added to: floats, or bytes with a scale. */
typedef struct {
    const float *values;
    const int8_t *bytes;             /* used where values are NULL */
    float scale;
} addend;

INLINE vec addend_at(const addend *a, int64_t column) {
    if (a->values) return vec_load(a->values + column);
    return vec_of_bytes(a->bytes + column) * vec_set(a->scale);
}

/* out[v] = init[v] + x W of `vectors` vectors of columns. The depth is split over `chains` sums, because a sum
   can only grow as fast as one addition takes. */
INLINE void panel_floats(const int vectors, const int chains, int64_t depth, const float *x, const float *weights,
                         const vec *init, vec *out) {
    vec sum[4][4];
    int64_t k = 0;
#pragma GCC unroll 4
    for (int s = 0; s < chains; s++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) sum[s][v] = s ? vec_set(0.0f) : init[v];
    for (; k + chains <= depth; k += chains)
#pragma GCC unroll 4
        for (int s = 0; s < chains; s++) {
            vec value = vec_set(x[k + s]);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                sum[s][v] = vec_fma(value, vec_load(weights + ((k + s) * vectors + v) * LANES), sum[s][v]);
        }
    for (; k < depth; k++) {
        vec value = vec_set(x[k]);
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            sum[0][v] = vec_fma(value, vec_load(weights + (k * vectors + v) * LANES), sum[0][v]);
    }
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
        out[v] = sum[0][v];
#pragma GCC unroll 4
        for (int s = 1; s < chains; s++) out[v] += sum[s][v];
    }
}

/* The same of bytes; `scales` and `offsets` are those of the panel. */
INLINE void panel_bytes(const int vectors, const int chains, int64_t depth, const operand *x, const int8_t *weights,
                        const float *scales, const int32_t *offsets, const vec *init, vec *out) {
    ivec sum[4][4];
    int64_t groups = (depth + 3) / 4, k = 0;
#pragma GCC unroll 4
    for (int s = 0; s < chains; s++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) sum[s][v] = ivec_zero();
    for (; k + chains <= groups; k += chains)
#pragma GCC unroll 4
        for (int s = 0; s < chains; s++)
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                sum[s][v] = ivec_dot(sum[s][v], x->bytes + 4 * (k + s),
                                     weights + ((k + s) * vectors + v) * 4 * LANES);
    for (; k < groups; k++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            sum[0][v] = ivec_dot(sum[0][v], x->bytes + 4 * k, weights + (k * vectors + v) * 4 * LANES);
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
#pragma GCC unroll 4
        for (int s = 1; s < chains; s++) sum[0][v] = ivec_add(sum[0][v], sum[s][v]);
        vec scale = vec_load(scales + v * LANES) * vec_set(x->scale);
        out[v] = vec_fma(ivec_value(sum[0][v], offsets + v * LANES), scale, init[v]);
    }
}

/* Where the panel that starts at vector `first` lies. */
static inline const char *panel_start(const reader_product *p, int64_t first) {
    int64_t at = first * LANES;
    return p->weights ? (const char *)(p->weights + at * p->depth)
                      : (const char *)(p->bytes + at * ((p->depth + 3) / 4 * 4));
}

/* The panel of `vectors` vectors that starts at vector `first` of the product. */
INLINE void panel_of(const int vectors, const int chains, const reader_product *p, int64_t first, const operand *x,
                     const vec *init, vec *out) {
    int64_t at = first * LANES;
    if (p->weights)
        panel_floats(vectors, chains, p->depth, x->values, p->weights + at * p->depth, init, out);
    else
        panel_bytes(vectors, chains, p->depth, x, p->bytes + at * ((p->depth + 3) / 4 * 4), p->scales + at,
                    p->offsets + at, init, out);
}

static void panel_any(int64_t vectors, const reader_product *p, int64_t first, const operand *x, const vec *init,
                      vec *out) {
    switch (vectors) {
    case 1: panel_of(1, 4, p, first, x, init, out); break;
    case 2: panel_of(2, 4, p, first, x, init, out); break;
    case 3: panel_of(3, 2, p, first, x, init, out); break;
    default: panel_of(4, 2, p, first, x, init, out); break;
    }
}

/* Quantises a vector by its own largest value, for products that are packed as bytes. */
static operand quantise(const float *x, int64_t depth, uint8_t *to) {
    vec largest = vec_set(0.0f);
    int64_t k = 0;
    for (; k + LANES <= depth; k += LANES) largest = vec_max(vec_abs(vec_load(x + k)), largest);
    float most = vec_largest(largest);
    for (; k < depth; k++) most = fabsf(x[k]) > most ? fabsf(x[k]) : most;
    float scale = most / 127.0f, inverse = scale > 0 ? 1.0f / scale : 0.0f;
    const vec low = vec_set(-127.0f), high = vec_set(127.0f);
    for (k = 0; k < depth; k += LANES) {
        float part[LANES] = {0};
        int is_whole = k + LANES <= depth;
        if (!is_whole) memcpy(part, x + k, (size_t)(depth - k) * sizeof *x);
        vec scaled = vec_load(is_whole ? x + k : part) * vec_set(inverse);
        vec_to_bytes(to + k, vec_min(vec_max(scaled, low), high));
    }
    return (operand){x, to, scale};
}

/* What a product needs of a vector. */
static inline operand operand_of(const reader_product *p, const float *x, uint8_t *room) {
    return p->bytes ? quantise(x, p->depth, room) : (operand){x, NULL, 1.0f};
}
