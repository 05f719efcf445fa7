/* One step of each cell on one block of units: gates before activation in, h and c out.

   sigmoid(x) = 1 / (2 + E) and tanh(x) = E / (2 + E) with E as in reader_math.h, so one division does for several. */

/* c' = f c + i g and h' = o tanh(c'); gates g, f, i, o. */
INLINE vec lstm_block(const vec *gates, vec *c, const int fast) {
    const vec two = vec_set(2.0f);
    vec g = power_of_2_minus_1(gates[0], fast), f = power_of_2_minus_1(gates[1], fast) + two;
    vec i = power_of_2_minus_1(gates[2], fast) + two, o = power_of_2_minus_1(gates[3], fast) + two;
    vec gi = (g + two) * i;
    *c = vec_fma(*c, gi, g * f) / (f * gi);
    vec e = power_of_2_minus_1(*c * vec_set(2.88539008f), fast);
    /* Doubled, as the loop keeps it. */
    return (e + e) / ((e + two) * o);
}

/* h' = n + z (h - n), n = tanh(x_n + 2r q), where the product q = (U_n h + b) / 2. */
INLINE vec gru_block(const vec *gates, vec share_n, vec h, const int fast) {
    const vec two = vec_set(2.0f), one = vec_set(1.0f);
    vec r = power_of_2_minus_1(gates[0], fast), z = power_of_2_minus_1(gates[1], fast);
    vec e = power_of_2_minus_1(vec_fma(gates[2], two / (r + two), share_n), fast);
    /* With z = 1 / (2 + Z): ((1 + Z) n + h) / (2 + Z). */
    return vec_fma(z + one, tanh_of(e), h) / (z + two);
}

INLINE vec tanh_block(vec gate, const int fast) { return tanh_of(power_of_2_minus_1(gate, fast)); }
