/* Vectors of 16 floats by AVX-512, and dot products of bytes by VNNI; simd_portable.h says what each does. */
#include <immintrin.h>

#define LANES 16
typedef __m512 vec;
typedef __m512i ivec;

static inline vec vec_set(float x) { return _mm512_set1_ps(x); }
static inline vec vec_load(const float *from) { return _mm512_loadu_ps(from); }
static inline void vec_store(float *to, vec x) { _mm512_storeu_ps(to, x); }
static inline vec vec_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
static inline vec vec_min(vec a, vec b) { return _mm512_min_ps(a, b); }
static inline vec vec_max(vec a, vec b) { return _mm512_max_ps(a, b); }
static inline vec vec_abs(vec a) { return _mm512_abs_ps(a); }
static inline vec vec_power2(vec shifted) {
    const __m512i one = _mm512_set1_epi32(0x3F800000);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_slli_epi32(_mm512_castps_si512(shifted), 23), one));
}
/* A whole store of old and new lanes: what was stored through a mask is not forwarded to the loads that follow. */
static inline void vec_store_part(float *to, vec x, int64_t count) {
    _mm512_storeu_ps(to, _mm512_mask_blend_ps((__mmask16)((1u << count) - 1u), _mm512_loadu_ps(to), x));
}
static inline float vec_sum(vec a) { return _mm512_reduce_add_ps(a); }
static inline float vec_largest(vec a) { return _mm512_reduce_max_ps(a); }

static inline vec vec_of_bytes(const int8_t *from) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)from)));
}
static inline void vec_to_bytes(uint8_t *to, vec x) {
    const __m512i zero = _mm512_set1_epi32(128);
    __m512i rounded = _mm512_add_epi32(_mm512_cvtps_epi32(x), zero);
    _mm_storeu_si128((__m128i *)to, _mm512_cvtepi32_epi8(rounded));
}
static inline ivec ivec_zero(void) { return _mm512_setzero_si512(); }
static inline ivec ivec_add(ivec a, ivec b) { return _mm512_add_epi32(a, b); }
static inline ivec ivec_dot(ivec sum, const uint8_t *four, const int8_t *bytes) {
    int32_t word;
    memcpy(&word, four, sizeof word);
    return _mm512_dpbusd_epi32(sum, _mm512_set1_epi32(word), _mm512_loadu_si512(bytes));
}
static inline vec ivec_value(ivec sum, const int32_t *offset) {
    return _mm512_cvtepi32_ps(_mm512_add_epi32(sum, _mm512_loadu_si512(offset)));
}
