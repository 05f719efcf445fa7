/* Vectors of 4 floats by NEON; simd_portable.h says what each does. NEON_DOT adds dot products of bytes.

   Activations stay signed: NEON multiplies signed bytes, so nothing is offset and nothing has to be taken off.
   Minimum and maximum of a NaN are NaN, whose bytes are zeros. */
#include <arm_neon.h>

#define LANES 4
typedef float32x4_t vec;
typedef int32x4_t ivec;

static inline vec vec_set(float x) { return vdupq_n_f32(x); }
static inline vec vec_load(const float *from) { return vld1q_f32(from); }
static inline void vec_store(float *to, vec x) { vst1q_f32(to, x); }
static inline vec vec_fma(vec a, vec b, vec c) { return vfmaq_f32(c, a, b); }
static inline vec vec_min(vec a, vec b) { return vminq_f32(a, b); }
static inline vec vec_max(vec a, vec b) { return vmaxq_f32(a, b); }
static inline vec vec_abs(vec a) { return vabsq_f32(a); }
static inline vec vec_power2(vec shifted) {
    return vreinterpretq_f32_s32(vaddq_s32(vshlq_n_s32(vreinterpretq_s32_f32(shifted), 23), vdupq_n_s32(0x3F800000)));
}
static inline void vec_store_part(float *to, vec x, int64_t count) {
    if (count > 0) vst1q_lane_f32(to, x, 0);
    if (count > 1) vst1q_lane_f32(to + 1, x, 1);
    if (count > 2) vst1q_lane_f32(to + 2, x, 2);
}
static inline float vec_sum(vec a) { return vaddvq_f32(a); }
static inline float vec_largest(vec a) { return vmaxvq_f32(a); }

static inline vec vec_of_bytes(const int8_t *from) {
    uint32_t word;
    memcpy(&word, from, sizeof word);
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(word)))));
}
/* Rounds to the nearest integer, ties to even. */
static inline void vec_to_bytes(uint8_t *to, vec x) {
    int16x4_t halves = vmovn_s32(vcvtnq_s32_f32(x));
    uint32_t word = vget_lane_u32(vreinterpret_u32_s8(vmovn_s16(vcombine_s16(halves, halves))), 0);
    memcpy(to, &word, sizeof word);
}
static inline ivec ivec_zero(void) { return vdupq_n_s32(0); }
static inline ivec ivec_add(ivec a, ivec b) { return vaddq_s32(a, b); }
static inline ivec ivec_dot(ivec sum, const uint8_t *four, const int8_t *bytes) {
    uint32_t word;
    memcpy(&word, four, sizeof word);
    int8x16_t weights = vld1q_s8(bytes);
#if defined(NEON_DOT)
    return vdotq_lane_s32(sum, weights, vcreate_s8(word), 0);
#else
    int8x16_t values = vreinterpretq_s8_u32(vdupq_n_u32(word));
    int16x8_t low = vmull_s8(vget_low_s8(weights), vget_low_s8(values)), high = vmull_high_s8(weights, values);
    /* 16 bits hold two products of bytes within +-127, and no more. */
    return vpadalq_s16(sum, vpaddq_s16(low, high));
#endif
}
static inline vec ivec_value(ivec sum, const int32_t *offset) {
    (void)offset;
    return vcvtq_f32_s32(sum);
}
