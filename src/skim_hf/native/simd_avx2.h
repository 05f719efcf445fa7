/* Vectors of 8 floats by AVX2 and FMA; simd_portable.h says what each does. */
#include <immintrin.h>

#define LANES 8
typedef __m256 vec;
/* Two partial sums of each of 8 columns: columns 0 to 3, and 4 to 7. */
typedef struct {
    __m256i low, high;
} ivec;

static inline vec vec_set(float x) { return _mm256_set1_ps(x); }
static inline vec vec_load(const float *from) { return _mm256_loadu_ps(from); }
static inline void vec_store(float *to, vec x) { _mm256_storeu_ps(to, x); }
static inline vec vec_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
static inline vec vec_min(vec a, vec b) { return _mm256_min_ps(a, b); }
static inline vec vec_max(vec a, vec b) { return _mm256_max_ps(a, b); }
static inline vec vec_abs(vec a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
static inline vec vec_power2(vec shifted) {
    const __m256i one = _mm256_set1_epi32(0x3F800000);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_slli_epi32(_mm256_castps_si256(shifted), 23), one));
}
/* A whole store of old and new lanes: what was stored through a mask is not forwarded to the loads that follow. */
static inline void vec_store_part(float *to, vec x, int64_t count) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)count), lane);
    _mm256_storeu_ps(to, _mm256_blendv_ps(_mm256_loadu_ps(to), x, _mm256_castsi256_ps(mask)));
}
static inline float vec_sum(vec a) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
static inline float vec_largest(vec a) {
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

static inline vec vec_of_bytes(const int8_t *from) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)from)));
}
static inline void vec_to_bytes(uint8_t *to, vec x) {
    __m256i rounded = _mm256_add_epi32(_mm256_cvtps_epi32(x), _mm256_set1_epi32(128));
    __m128i halves = _mm_packus_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1));
    _mm_storel_epi64((__m128i *)to, _mm_packus_epi16(halves, halves));
}
static inline ivec ivec_zero(void) { return (ivec){_mm256_setzero_si256(), _mm256_setzero_si256()}; }
static inline ivec ivec_add(ivec a, ivec b) {
    return (ivec){_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
}
/* By 16-bit products: those of bytes saturate, and would not be what other processors compute. */
static inline ivec ivec_dot(ivec sum, const uint8_t *four, const int8_t *bytes) {
    int32_t word;
    memcpy(&word, four, sizeof word);
    __m256i values = _mm256_broadcastq_epi64(_mm_cvtepu8_epi16(_mm_cvtsi32_si128(word)));
    __m256i low = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)bytes));
    __m256i high = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(bytes + 16)));
    return (ivec){_mm256_add_epi32(sum.low, _mm256_madd_epi16(values, low)),
                  _mm256_add_epi32(sum.high, _mm256_madd_epi16(values, high))};
}
static inline vec ivec_value(ivec sum, const int32_t *offset) {
    /* hadd works within halves: it gives columns 0 1 4 5, 2 3 6 7. */
    __m256i mixed = _mm256_permute4x64_epi64(_mm256_hadd_epi32(sum.low, sum.high), 0xD8);
    return _mm256_cvtepi32_ps(_mm256_add_epi32(mixed, _mm256_loadu_si256((const __m256i *)offset)));
}
