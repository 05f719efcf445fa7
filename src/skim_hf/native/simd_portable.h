/* Vectors of 4 floats that any processor has, in the compiler's own notation. The same names are in simd_neon.h, and
   with more lanes in simd_avx2.h and simd_avx512.h, so that reader_kernels.h is written once.

   Bytes: a dot product takes four activations, offset by 128 to 0 ... 255 (not so for NEON), and four weights,
   -127 ... 127, of each column. Sums are exact, so all processors find the same integers. */
#define LANES 4
typedef float vec __attribute__((vector_size(16)));
typedef int32_t ivec __attribute__((vector_size(16)));

static inline vec vec_set(float x) { return (vec){x, x, x, x}; }
static inline vec vec_load(const float *from) {
    vec x;
    memcpy(&x, from, sizeof x);
    return x;
}
static inline void vec_store(float *to, vec x) { memcpy(to, &x, sizeof x); }
static inline vec vec_fma(vec a, vec b, vec c) { return a * b + c; }
/* a where the mask is set, else b. */
static inline vec vec_select(ivec mask, vec a, vec b) { return (vec)((mask & (ivec)a) | (~mask & (ivec)b)); }
/* The second argument where one is NaN, as x86 does. */
static inline vec vec_min(vec a, vec b) { return vec_select(a < b, a, b); }
static inline vec vec_max(vec a, vec b) { return vec_select(a > b, a, b); }
static inline vec vec_abs(vec a) { return (vec)((ivec)a & 0x7FFFFFFF); }
/* 2^k of shifted = 1.5 * 2^23 + k. */
static inline vec vec_power2(vec shifted) { return (vec)(((ivec)shifted << 23) + 0x3F800000); }
/* Stores the first `count` lanes, fewer than LANES, where there is room for all. */
static inline void vec_store_part(float *to, vec x, int64_t count) {
    for (int64_t i = 0; i < count; i++) to[i] = x[i];
}
static inline float vec_sum(vec a) { return (a[0] + a[2]) + (a[1] + a[3]); }
static inline float vec_largest(vec a) {
    float low = a[0] > a[1] ? a[0] : a[1], high = a[2] > a[3] ? a[2] : a[3];
    return low > high ? low : high;
}

static inline vec vec_of_bytes(const int8_t *from) { return (vec){from[0], from[1], from[2], from[3]}; }
/* Rounds to the nearest integer, ties to even, and adds 128. */
static inline void vec_to_bytes(uint8_t *to, vec x) {
    const float shift = 12582912.0f;
    vec rounded = (x + shift) - shift;
    for (int i = 0; i < LANES; i++) to[i] = (uint8_t)((int32_t)rounded[i] + 128);
}
static inline ivec ivec_zero(void) { return (ivec){0}; }
static inline ivec ivec_add(ivec a, ivec b) { return a + b; }
static inline ivec ivec_dot(ivec sum, const uint8_t *four, const int8_t *bytes) {
    for (int i = 0; i < LANES; i++)
        for (int k = 0; k < 4; k++) sum[i] += (int32_t)four[k] * bytes[4 * i + k];
    return sum;
}
/* The sums as floats, after what the offset of the activations added is taken off. */
static inline vec ivec_value(ivec sum, const int32_t *offset) {
    ivec off;
    memcpy(&off, offset, sizeof off);
    sum += off;
    return (vec){(float)sum[0], (float)sum[1], (float)sum[2], (float)sum[3]};
}
