// Exponential and gates on vectors. Included by each SIMD level behind its vocabulary of vector operations (`vf`, `vi`,
// `v_...`), so that all levels compute them the same way.

/// 2^x. Relative error below 1.5e-7 for x in [-126, 127.5] (seen through the gates); 0 from -127.5 down, or denormal,
/// infinite from 128 up, NaN for NaN.
///
/// x = n + r with whole n and |r| <= 1/2; the polynomial is the minimax one of 2^r with the value 1 at 0 (Remez), in
/// relative error 2.1e-8.
CK_INLINE vf v_exp2(vf x) {
    vf n, r = v_split(x, &n);
    vf p = v_set1(1.5594680e-4f);
    p = v_fma(p, r, v_set1(1.34066434e-3f));
    p = v_fma(p, r, v_set1(9.61769279e-3f));
    p = v_fma(p, r, v_set1(5.55031039e-2f));
    p = v_fma(p, r, v_set1(2.40226522e-1f));
    p = v_fma(p, r, v_set1(6.93147242e-1f));
    return v_scale(v_fma(p, r, v_set1(1)), n);
}

#define LOG2_E 1.44269504088896341f

/// act(gate). GELU's tanh form without cancellation: 0.5 (1 + tanh z) = 1 / (1 + e^-2z), so both gates are
/// g / (1 + e^-t). Relative error, where t > -86: below 2.5e-7 (1 + |t|), from rounding t. Absolute error below 1e-34
/// elsewhere.
CK_INLINE vf v_activate(int32_t kind, vf g) {
    const float linear = 1.5957691216057308f * LOG2_E, cubic = 0.044715f * linear;
    vf factor = v_set1(-LOG2_E);
    if (kind == CK_GEGLU_TANH) factor = v_fma(v_mul(g, g), v_set1(-cubic), v_set1(-linear));
    return v_div(g, v_add(v_set1(1), v_exp2(v_mul(g, factor))));
}
