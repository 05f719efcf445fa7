/* One step of each cell on one row: the element-wise part, forward and backward.

   columns [G m] hold gates: before activation when `forward` starts, activated when it ends.
     LSTM  i, f, g, o    c' = f c + i g,  h' = o tanh(c')
     GRU   r, z, q, n    n = tanh(n + r q),  h' = n + z (h - n);  q = U_n h + b_hn stays as it is
     tanh  a             h' = a
   `backward` gets the gradient of (h', c') as it arrives, and the share of it (the mixing weight) that is
   this cell's. It writes the gradient of the columns, adds that of (h, c) to `to_h` and `to_c`, and returns
   that of the mixing weight: the arriving gradient times (h' - h, c' - c).

   Pointers to parts of one array are separate arguments, so that the compiler knows they do not overlap. */

static void NAME(lstm_forward)(int64_t m, REAL *restrict i, REAL *restrict f, REAL *restrict g, REAL *restrict o,
                               const REAL *restrict c, REAL *restrict new_h, REAL *restrict new_c) {
#pragma omp simd
    for (int64_t u = 0; u < m; u++) {
        i[u] = NAME(sigmoid)(i[u]);
        f[u] = NAME(sigmoid)(f[u]);
        g[u] = NAME(tanh)(g[u]);
        o[u] = NAME(sigmoid)(o[u]);
        new_c[u] = f[u] * c[u] + i[u] * g[u];
        new_h[u] = o[u] * NAME(tanh)(new_c[u]);
    }
}

static REAL NAME(lstm_backward)(int64_t m, const REAL *restrict gates, const REAL *restrict h,
                                const REAL *restrict c, const REAL *restrict grad_h,
                                const REAL *restrict grad_c, REAL weight, REAL *restrict to_i,
                                REAL *restrict to_f, REAL *restrict to_g, REAL *restrict to_o,
                                REAL *restrict to_c) {
    REAL pull = 0;
#pragma omp simd reduction(+ : pull)
    for (int64_t u = 0; u < m; u++) {
        REAL i = gates[u], f = gates[m + u], g = gates[2 * m + u], o = gates[3 * m + u];
        REAL new_c = f * c[u] + i * g, t = NAME(tanh)(new_c);
        pull += grad_h[u] * (o * t - h[u]) + grad_c[u] * (new_c - c[u]);
        REAL own_h = weight * grad_h[u];
        REAL own_c = weight * grad_c[u] + own_h * o * (1 - t * t);
        to_i[u] = own_c * g * i * (1 - i);
        to_f[u] = own_c * c[u] * f * (1 - f);
        to_g[u] = own_c * i * (1 - g * g);
        to_o[u] = own_h * t * o * (1 - o);
        to_c[u] += own_c * f;
    }
    return pull;
}

static void NAME(gru_forward)(int64_t m, REAL *restrict r, REAL *restrict z, const REAL *restrict q,
                              REAL *restrict n, const REAL *restrict h, REAL *restrict new_h) {
#pragma omp simd
    for (int64_t u = 0; u < m; u++) {
        r[u] = NAME(sigmoid)(r[u]);
        z[u] = NAME(sigmoid)(z[u]);
        n[u] = NAME(tanh)(n[u] + r[u] * q[u]);
        new_h[u] = n[u] + z[u] * (h[u] - n[u]);
    }
}

static REAL NAME(gru_backward)(int64_t m, const REAL *restrict gates, const REAL *restrict h,
                               const REAL *restrict grad_h, REAL weight, REAL *restrict to_r,
                               REAL *restrict to_z, REAL *restrict to_q, REAL *restrict to_n,
                               REAL *restrict to_h) {
    REAL pull = 0;
#pragma omp simd reduction(+ : pull)
    for (int64_t u = 0; u < m; u++) {
        REAL r = gates[u], z = gates[m + u], q = gates[2 * m + u], n = gates[3 * m + u];
        pull += grad_h[u] * (1 - z) * (n - h[u]);
        REAL own = weight * grad_h[u];
        to_n[u] = own * (1 - z) * (1 - n * n);
        to_q[u] = to_n[u] * r;
        to_r[u] = to_n[u] * q * r * (1 - r);
        to_z[u] = own * (h[u] - n) * z * (1 - z);
        to_h[u] += own * z;
    }
    return pull;
}

static void NAME(tanh_forward)(int64_t m, REAL *restrict a, REAL *restrict new_h) {
#pragma omp simd
    for (int64_t u = 0; u < m; u++) new_h[u] = a[u] = NAME(tanh)(a[u]);
}

static REAL NAME(tanh_backward)(int64_t m, const REAL *restrict a, const REAL *restrict h,
                                const REAL *restrict grad_h, REAL weight, REAL *restrict to_a) {
    REAL pull = 0;
#pragma omp simd reduction(+ : pull)
    for (int64_t u = 0; u < m; u++) {
        pull += grad_h[u] * (a[u] - h[u]);
        to_a[u] = weight * grad_h[u] * (1 - a[u] * a[u]);
    }
    return pull;
}

static void NAME(cell_forward)(cell_kind kind, int64_t m, REAL *columns, const REAL *h, const REAL *c, REAL *new_h,
                               REAL *new_c) {
    REAL *x = columns;
    if (kind == LSTM)
        NAME(lstm_forward)(m, x, x + m, x + 2 * m, x + 3 * m, c, new_h, new_c);
    else if (kind == GRU)
        NAME(gru_forward)(m, x, x + m, x + 2 * m, x + 3 * m, h, new_h);
    else
        NAME(tanh_forward)(m, x, new_h);
}

static REAL NAME(cell_backward)(cell_kind kind, int64_t m, const REAL *gates, const REAL *h, const REAL *c,
                                const REAL *grad_h, const REAL *grad_c, REAL weight, REAL *to, REAL *to_h,
                                REAL *to_c) {
    if (kind == LSTM)
        return NAME(lstm_backward)(m, gates, h, c, grad_h, grad_c, weight, to, to + m, to + 2 * m, to + 3 * m,
                                   to_c);
    if (kind == GRU)
        return NAME(gru_backward)(m, gates, h, grad_h, weight, to, to + m, to + 2 * m, to + 3 * m, to_h);
    return NAME(tanh_backward)(m, gates, h, grad_h, weight, to);
}
