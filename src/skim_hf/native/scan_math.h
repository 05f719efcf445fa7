/* sigmoid and tanh of REAL, written so that a compiler can turn loops over them into vector code. */

#ifdef REAL_IS_DOUBLE
/* Double precision is for checking gradients: the exact functions, not the fastest. */
static inline double NAME(sigmoid)(double x) { return 1.0 / (1.0 + exp(-x)); }
static inline double NAME(tanh)(double x) { return tanh(x); }
#else
/* e^x - 1, to a few units in the last place also near 0: x = k ln 2 + r with |r| <= ln 2 / 2, and the
   Taylor series of e^r - 1. The comparisons are false for a NaN, which therefore stays one. */
static inline float NAME(exp_minus_1)(float x) {
    const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer, in the low bits */
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    float shifted = x * 1.44269504f + shift;
    float k = shifted - shift;
    float r = (x - k * 0.693145752f) - k * 1.42860677e-6f;
    float p = 1.0f / 5040.0f;
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r * r + r;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << 23) + 0x3F800000u;
    float power; /* 2^k */
    memcpy(&power, &bits, sizeof power);
    return power * p + (power - 1.0f);
}
static inline float NAME(sigmoid)(float x) { return 1.0f / (2.0f + NAME(exp_minus_1)(-x)); }
static inline float NAME(tanh)(float x) {
    float e = NAME(exp_minus_1)(2.0f * x);
    return e / (e + 2.0f);
}
#endif
