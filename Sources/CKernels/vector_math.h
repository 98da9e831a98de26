// Exponential and gates on vectors. Included by each SIMD level behind its vocabulary of vector operations (`vf`, `vi`,
// `v_...`), so that all levels compute them the same way.

/// e^x. Relative error below 2e-7 for x in [-87.3, 88.3] (seen through SiLU, with its division: 1.7e-7); 0 below -87.7,
/// infinite above 88.4, NaN for NaN.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2, ln 2 in two parts (Cody & Waite 1980); the polynomial is that of expf in
/// Cephes (Moshier).
CK_INLINE vf v_exp(vf x) {
    // The operand order keeps NaN. At the bounds 2^n is 0 and infinity, which is what they stand for.
    x = v_min(v_set1(89), v_max(v_set1(-88), x));
    vi n = v_round(v_mul(x, v_set1(1.44269504088896341f)));
    vf whole = v_from_int(n);
    vf r = v_fnma(whole, v_set1(0.693359375f), x);
    r = v_fnma(whole, v_set1(-2.12194440e-4f), r);
    vf p = v_set1(1.9875691500e-4f);
    p = v_fma(p, r, v_set1(1.3981999507e-3f));
    p = v_fma(p, r, v_set1(8.3334519073e-3f));
    p = v_fma(p, r, v_set1(4.1665795894e-2f));
    p = v_fma(p, r, v_set1(1.6666665459e-1f));
    p = v_fma(p, r, v_set1(5.0000001201e-1f));
    vf y = v_add(v_fma(v_mul(r, r), p, r), v_set1(1));
    return v_mul(y, v_power_of_two(n));
}

/// act(gate). GELU's tanh form without cancellation: 0.5 (1 + tanh z) = 1 / (1 + e^-2z), so both gates are
/// g / (1 + e^-t). Relative error, where t > -86: SiLU below 2.5e-7; GELU below 2.5e-7 (1 + |t|), from rounding t.
/// Absolute error below 1e-34 elsewhere.
CK_INLINE vf v_activate(int32_t kind, vf g) {
    vf t = g;
    if (kind == CK_GEGLU_TANH) {
        vf cubic = v_fma(v_mul(g, g), v_set1(0.044715f), v_set1(1));
        t = v_mul(v_mul(g, v_set1(1.5957691216057308f)), cubic);
    }
    return v_div(g, v_add(v_set1(1), v_exp(v_sub(v_zero(), t))));
}
