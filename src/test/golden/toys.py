"""The toys of SPD in float64 numpy (docs/reference/spec.md, B1 to B3, L1 to L4, A7, A9): cases for toys.json."""

import numpy as np

import draws


def masked(x, V, U, m):
    return ((x @ V) * m) @ U


def relu(x):
    return np.maximum(x, 0)


def array(a):
    return np.asarray(a, dtype=float)


def tms(rng):
    n, h, C, B = 3, 2, 4, 5
    W, b, H = rng.normal(size=(h, n)), rng.normal(size=n) * 0.3, rng.normal(size=(h, h))
    V, U, hV, hU = (rng.normal(size=s) for s in [(n, C), (C, h), (h, C), (C, h)])
    x = rng.random((B, n))
    clean = relu(x @ W.T @ H.T @ W + b)
    m1, m2, m3 = (rng.random((B, C)) for _ in range(3))
    # linear2 is tied: V2 = U^T, U2 = V^T
    all_sites = relu(masked(masked(masked(x, V, U, m1), hV, hU, m2), U.T, V.T, m3) + b)
    hidden = relu(masked(x @ W.T, hV, hU, m2) @ W + b)
    last = relu(masked(x @ W.T @ H.T, U.T, V.T, m3) + b)
    error = lambda y: float(((y - clean) ** 2).mean())
    d1, dh = W - (V @ U).T, H - (hV @ hU).T
    faithfulness = (2 * (d1 ** 2).sum() + (dh ** 2).sum()) / (2 * n * h + h * h)
    return {
        "features": n, "hidden": h, "weights": {"linear1": array(W), "bias": array(b), "hidden0": array(H)},
        "parameters": {"linear1.V": array(V), "linear1.U": array(U), "hidden0.V": array(hV), "hidden0.U": array(hU)},
        "inputs": array(x[:, None]), "masks": [array(m[:, None]) for m in (m1, m2, m3)],
        "clean": array(clean[:, None]), "all": array(all_sites[:, None]), "hidden_alone": array(hidden[:, None]),
        "last_alone": array(last[:, None]), "errors": [error(all_sites), error(hidden), error(last)],
        "target_loss": float(((clean - abs(x)) ** 2).mean()), "faithfulness": float(faithfulness)}


def residual_mlp(rng):
    n, d, k, C, B = 3, 5, 2, 4, 4
    E = rng.normal(size=(n, d))
    E /= np.linalg.norm(E, axis=1, keepdims=True)
    layers = [(rng.normal(size=(k, d)), rng.normal(size=(d, k))) for _ in range(2)]
    parts = [tuple(rng.normal(size=s) for s in [(d, C), (C, k), (k, C), (C, d)]) for _ in range(2)]
    x = rng.random((B, n)) * 2 - 1
    masks = [rng.random((B, C)) for _ in range(4)]

    def run(replaced):
        r = x @ E
        for layer, (w_in, w_out) in enumerate(layers):
            iV, iU, oV, oU = parts[layer]
            h = relu(masked(r, iV, iU, masks[2 * layer]) if 2 * layer in replaced else r @ w_in.T)
            r = r + (masked(h, oV, oU, masks[2 * layer + 1]) if 2 * layer + 1 in replaced else h @ w_out.T)
        return r @ E.T

    target, own = [], []
    for (w_in, w_out), (iV, iU, oV, oU) in zip(layers, parts):
        w_hat = (oV @ oU).T
        for i in range(n):
            target += list((E[i] @ w_out) * (w_in @ E[i]))
            each = [(E[i] @ w_hat) * iU[c] * (E[i] @ iV[:, c]) for c in range(C)]
            own += list(each[int(np.argmax([one.max() for one in each]))])
    weights, parameters = {"embedding": array(E)}, {}
    for layer in range(2):
        weights[f"layers.{layer}.in"], weights[f"layers.{layer}.out"] = map(array, layers[layer])
        for name, value in zip([f"mlp_in{layer}.V", f"mlp_in{layer}.U", f"mlp_out{layer}.V", f"mlp_out{layer}.U"], parts[layer]):
            parameters[name] = array(value)
    return {
        "features": n, "width": d, "neurons": k, "layers": 2, "weights": weights, "parameters": parameters,
        "inputs": array(x[:, None]), "masks": [array(m[:, None]) for m in masks], "clean": array(run([])[:, None]),
        "all": array(run([0, 1, 2, 3])[:, None]), "alone": [array(run([i])[:, None]) for i in range(4)],
        "target_loss": float(((run([]) - (x + relu(x))) ** 2).mean()),
        "contributions": {"target": target, "decomposed": own, "correlation": float(np.corrcoef(target, own)[0, 1])}}


def features():
    cases = []
    for low, p, n, purpose in [(0.0, 0.3, 4, draws.DATA), (-1.0, 0.5, 3, draws.EVALUATION)]:
        rows = []
        for e in range(7, 12):
            u = draws.uniforms(draws.key(3, purpose, "toys", e), 2 * n).reshape(n, 2)
            rows.append(np.where(u[:, 1] < p, low + (1 - low) * u[:, 0], 0))
        cases.append({"low": low, "probability": p, "features": n, "evaluation": purpose == draws.EVALUATION,
                      "seed": 3, "stream": "toys", "first": 7, "values": array(rows)})
    return cases


def recovery(rng):
    n, h, C = 4, 3, 6
    W, V, U = rng.normal(size=(h, n)), rng.normal(size=(n, C)), rng.normal(size=(C, h))
    columns = U[:, None, :] * V.T[:, :, None]  # [C, n, h]
    sizes = np.linalg.norm(columns, axis=2)
    cosines = np.einsum("cjo,oj->cj", columns, W) / (sizes * np.linalg.norm(W, axis=0))
    kept = sizes.sum(1) >= 2.0

    def of(some):
        index = np.flatnonzero(some)
        best = index[cosines[index].argmax(0)]
        return [float(cosines[best, range(n)].mean()),
                float((sizes[best, range(n)] / np.linalg.norm(W, axis=0)).mean())]

    assert 0 < kept.sum() < C
    return {"W": array(W), "V": array(V), "U": array(U), "sizes": sizes.sum(1).tolist(), "cut": 2.0,
            "of_all": of(np.ones(C, bool)), "of_large": of(kept)}


def case(header):
    rng = np.random.default_rng(11)
    return {"header": header, "tms": tms(rng), "residual_mlp": residual_mlp(rng), "features": features(), "recovery": recovery(rng)}
