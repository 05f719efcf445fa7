/* Vectors of 2^y - 1, from which tanh and sigmoid are made. Gates arrive multiplied by what makes their
   exponential a power of two: y = 2x / ln 2 for tanh(x), and y = -x / ln 2 for sigmoid(x).

   With y = k + f, |f| <= 1/2: 2^y - 1 = 2^k p + (2^k - 1), where p = 2^f - 1 = f q(f) with a polynomial q through the
   Chebyshev points. The relative error of p is 2.2e-8 (degree 5), or 1.7e-5 where int8 has lost more already
   (degree 3); near 0 too. Arguments are held within +-40, so that products of three such values are finite;
   sigmoid(-28) = 7e-13 is the least that remains. A NaN stays one.

   So tanh and sigmoid are within 2e-7 of the exact values (int8: 4e-6), and tanh within 3e-7 (2.5e-5) relative to
   them; tests/native/test_reader.py holds all variants to that. */

#define INLINE static inline __attribute__((always_inline))

INLINE vec power_of_2_minus_1(vec y, const int fast) {
    const vec shift = vec_set(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer, in the low bits */
    y = vec_max(vec_set(-40.0f), vec_min(vec_set(40.0f), y));
    vec shifted = y + shift;
    vec f = y - (shifted - shift), q;
    if (fast) {
        q = vec_fma(vec_set(9.6567487e-3f), f, vec_set(5.5838618e-2f));
        q = vec_fma(q, f, vec_set(2.4022530e-1f));
        q = vec_fma(q, f, vec_set(6.9313669e-1f));
    } else {
        q = vec_fma(vec_set(1.5453213e-4f), f, vec_set(1.3390920e-3f));
        q = vec_fma(q, f, vec_set(9.6180821e-3f));
        q = vec_fma(q, f, vec_set(5.5503570e-2f));
        q = vec_fma(q, f, vec_set(2.4022651e-1f));
        q = vec_fma(q, f, vec_set(6.9314718e-1f));
    }
    vec power = vec_power2(shifted);
    return vec_fma(power, q * f, power - vec_set(1.0f));
}

INLINE vec sigmoid_of(vec e) { return vec_set(1.0f) / (e + vec_set(2.0f)); }
INLINE vec tanh_of(vec e) { return e / (e + vec_set(2.0f)); }
