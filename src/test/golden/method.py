"""Writes the golden files under src/test/resources/golden: the specification computed in float64 numpy.

    python3 src/test/golden/method.py            write the files
    python3 src/test/golden/method.py --check    check this reference against finite differences and worked examples
"""

import hashlib
import json
import math
import pathlib
import sys

import numpy as np

import draws
import toys
from reference import Batch, Gate, Recipe, Step, Target, pre_activation, schedule, sinusoid, train
from tape import Var, gradients, var

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "resources" / "golden"
D, VOCAB, HIDDEN, POSITIONS = 4, 7, 3, 7


# Making a small problem

def make_target(rng, before=False, output=True, layers=2, rotary=False):
    weights = {"E": rng.normal(size=(VOCAB, D)), "Wu": rng.normal(size=(VOCAB, D))}
    for i in range(layers):
        for m in "QKVO" if output else "QKV":
            weights[f"{m}{i}"] = rng.normal(size=(D, D)) * 0.6
    table = rng.normal(size=(POSITIONS, D)) * 0.5 if before else sinusoid(POSITIONS, D)
    return Target(weights, table, before, layers, rotary)


def make_gate(rng, gate, d_in, C, width, hidden=HIDDEN, positions=POSITIONS):
    """Gate parameters by name. Everything is non-zero, so that every gradient path carries something."""
    if gate.kind == "shared_mlp":
        shapes = {"hidden": (d_in, hidden), "hidden_bias": (hidden,), "output": (hidden, C), "output_bias": (C,)}
    elif gate.kind == "mlp":
        shapes = {"hidden": (C, hidden), "hidden_bias": (C, hidden), "output": (C, hidden), "output_bias": (C,)}
    else:
        z, shapes = d_in, {}
        if gate.kind == "sequence":
            z = width + (d_in if gate.own_activation else 0)
            shapes = {"query": (d_in, width), "key": (d_in, width), "value": (d_in, width),
                      "relative": (positions if gate.causal else 2 * positions - 1,), "absolute": (positions, d_in)}
        shapes |= {"hidden": (z, C * hidden), "hidden_bias": (C * hidden,), "output": (C, hidden), "output_bias": (C,)}
    scale = {"query": 0.5, "key": 0.5, "value": 0.5, "relative": 0.5, "absolute": 0.3, "hidden": 0.7, "hidden_bias": 0.3, "output": 0.6,
             "output_bias": 0.4}
    parameters = {name: rng.normal(size=shape) * scale[name] for name, shape in shapes.items()}
    parameters["output_bias"] += 0.4
    return parameters


def make_parameters(rng, target, gate, counts):
    """U and V near the target matrix (so that masks matter), and gates."""
    params = {}
    for s in target.sites():
        V = rng.normal(size=(D, counts[s])) * 0.6
        params[s + ".V"] = V
        params[s + ".U"] = np.linalg.pinv(V) @ target.weights[s].T + rng.normal(size=(counts[s], D)) * 0.2
        params |= {f"{s}.gate.{k}": v for k, v in make_gate(rng, gate, D, counts[s], D).items()}
    return params


def counts_of(target):
    return {s: 5 if s in ("V0", "V1") else 3 for s in target.sites()}


def leaves_of(params):
    return {k: Var(v) for k, v in params.items()}


def clear_of_kinks(rng, target, gate, batch, params):
    """Redraws each site's output bias until no valid pre-activation is within 2e-3 of 0, 1/2 or 1 and each of x < 0, 0 < x < 1
    and x > 1 has at least a tenth of them."""
    pre = {s: x.value for s, x in Step(target, gate, batch, leaves_of(params), 0, "plain").pre.items()}
    for s in target.sites():
        name = s + ".gate.output_bias"
        x = pre[s][batch.valid] - params[name]
        for _ in range(10000):
            bias = rng.uniform(-0.6, 1.4, size=params[name].shape)
            y = x + bias
            shares = (y < 0).mean(), ((y > 0) & (y < 1)).mean(), (y > 1).mean()
            if min(np.abs(y - kink).min() for kink in (0.0, 0.5, 1.0)) > 2e-3 and min(shares) > 0.1:
                params[name] = bias
                break
        else:
            raise AssertionError(f"no bias for {s}")


# draws.json

def hexes(words):
    return [f"{w:016x}" for w in words]


def draws_case():
    seed = 11
    site_draw = {"seed": seed, "step": 3, "example": 14, "site": "V0", "term": 1, "draw": 2}
    keys = [[], [0], [1], [1, 2, 3], [0, -1], [-1], ["Q0"], ["decode \u00e9\u4e16"], [""],
            [seed, draws.INITIALISATION, "Q0", "V"], [seed, draws.DATA, "induction", 5], [seed, draws.SOURCE, 3, 14, "V0", 1, 2],
            [seed, draws.ROUTING, 3, 14, 1, 0], [seed, draws.ROUTING, 3, -1, 1, 0], [seed, draws.DELTA, 3, 14, "V0", 1, 2],
            [0, draws.EVALUATION, "induction", 99999], [123456789012, 7]]
    listed = []
    for words in keys:
        k = draws.key(*words)
        listed.append({"words": words, "key": f"{k:016x}", "sequence": hexes(draws.word(k, i) for i in range(8)),
                       "uniforms": draws.uniforms(k, 9), "below_128": draws.below(k, 128, 8), "below_7": draws.below(k, 7, 8),
                       "normals": draws.normals(k, 7)})
    examples, T, L = [12, 13, 14, 15], 6, 8
    routing = []
    for kind, per, probability in [("random_subset", "batch", None), ("random_subset", "position", None), ("bernoulli", "batch", 0.5),
                                   ("bernoulli", "position", 0.5), ("bernoulli", "position", 0.25)]:
        for term, draw in [(0, 0), (1, 0), (1, 1)]:
            table = draws.routing(kind, per, probability, seed, 3, examples, term, draw, T, L)
            routing.append({"routing": kind, "per": per, "probability": probability, "seed": seed, "step": 3, "examples": examples,
                            "term": term, "draw": draw, "sites": L, "in": table.astype(int)})
    initialisation = initial_values(seed)
    return {"header": header("draws", seed), "text": {t: f"{draws.fnv(t):016x}" for t in ["", "a", "Q0", "induction", "\u00e9"]},
            "mix": {f"{z:016x}": f"{draws.mix(z):016x}" for z in [0, 1, draws.GAMMA, draws.MASK]}, "keys": listed,
            "mask_source": site_draw | {"value": draws.source(*site_draw.values(), 6, 5)},
            "delta_mask": site_draw | {"value": draws.delta(*site_draw.values(), 6)}, "routing": routing,
            "initialisation": initialisation}


def at_inputs(X, W, aligned_V, aligned_U, C):
    """S3 `inputs`, one input after another: the chosen rows of X, V and U."""
    cosine = lambda i, j: X[i] @ X[j] / math.sqrt((X[i] @ X[i]) * (X[j] @ X[j]))
    rows = [i for i in range(len(X)) if X[i].any()]
    mean = sum(X[i] / np.linalg.norm(X[i]) for i in rows)
    chosen = [max(rows, key=lambda i: X[i] @ mean / np.linalg.norm(X[i]))]
    while len(chosen) < C:
        near = {i: max(cosine(i, j) for j in chosen) for i in rows}
        best = min(rows, key=near.get)
        if near[best] >= 1 - 1e-6:
            break
        chosen.append(best)
    d = X.shape[1]
    M = sum(np.outer(X[i], X[i]) for i in chosen) / len(chosen)
    inverse = np.linalg.inv(M + 1e-4 * np.trace(M) / d * np.eye(d))
    V, U = aligned_V.copy(), aligned_U.copy()
    for c, i in enumerate(chosen):
        read = inverse @ X[i] / (X[i] @ inverse @ X[i])
        write = W @ X[i]
        scale = math.sqrt(np.linalg.norm(write) / np.linalg.norm(read))
        V[:, c], U[c] = read * scale, write / scale
    return {"X": X, "chosen": chosen, "V": V, "U": U}


def initial_values(seed):
    """S3 and G6. Of a gate, fan_in is the number of rows of a matrix [in, out], and the hidden width for `output` [C, hidden]."""
    def normal(site, name, *shape):
        return draws.normals(draws.key(seed, draws.INITIALISATION, site, name), math.prod(shape)).reshape(shape)

    d_in, d_out, C, h, hidden, positions = 4, 3, 5, 2, 3, 6
    W = np.random.default_rng(seed).normal(size=(d_out, d_in))
    V, U = normal("V0", "V", d_in, C), normal("V0", "U", C, d_out)
    aligned_V = V / np.sqrt((V ** 2).sum(axis=0, keepdims=True))
    unit_U = U / np.sqrt((U ** 2).sum(axis=1, keepdims=True))
    overlap = ((W @ aligned_V) * unit_U.T).sum(axis=0)  # sum over o of U[c, o] (W V)[o, c]
    front, plain = lambda n: math.sqrt(2.0 / n), lambda n: 1.0 / math.sqrt(n)
    zeros = {"hidden_bias": np.zeros(C * hidden), "output_bias": np.zeros(C)}
    output = normal("V0", "output", C, hidden) * plain(hidden)
    gates = {
        "sequence": {name: normal("V0", name, d_in, h) * plain(d_in) for name in ("query", "key", "value")}
        | {"relative": np.zeros(positions), "absolute": np.zeros((positions, d_in)),
           "hidden": normal("V0", "hidden", h + d_in, C * hidden) * front(h + d_in), "output": output} | zeros,
        "vector_mlp": {"hidden": normal("V0", "hidden", d_in, C * hidden) * front(d_in), "output": output} | zeros,
        "shared_mlp": {"hidden": normal("V0", "hidden", d_in, hidden) * front(d_in), "hidden_bias": np.zeros(hidden),
                       "output": normal("V0", "output", hidden, C) * plain(hidden), "output_bias": np.zeros(C)},
        "mlp": {"hidden": normal("V0", "hidden", C, hidden) * front(1), "hidden_bias": np.zeros((C, hidden)), "output": output,
                "output_bias": np.zeros(C)}}
    aligned_U = unit_U * overlap[:, None]
    many = np.random.default_rng(seed + 1).normal(size=(9, d_in))
    many[4] = 0  # no direction: never chosen
    few = many[[0, 1, 0, 2, 4, 1]] * np.array([[1], [1], [2], [1], [1], [1]])  # three directions for five subcomponents
    inputs = [at_inputs(X, W, aligned_V, aligned_U, C) for X in (many, few)]
    return {"seed": seed, "site": "V0", "W": W, "aligned": {"V": aligned_V, "U": aligned_U}, "inputs": inputs,
            "kaiming": {"V": V / math.sqrt(d_in), "U": U / math.sqrt(C)}, "head_width": h, "hidden_width": hidden,
            "positions": positions, "gates": gates}


# losses.json

def losses_problem(seed):
    rng = np.random.default_rng(seed)
    target, gate = make_target(rng), Gate()
    params = make_parameters(rng, target, gate, counts_of(target))
    B, T = 4, 6
    valid = np.arange(T)[None, :] < np.array([6, 6, 4, 6])[:, None]
    tokens = np.where(valid, rng.integers(0, VOCAB, size=(B, T)), 0)
    batch = Batch(tokens, valid, valid.sum(axis=1, keepdims=True) - 1, step=3)
    clear_of_kinks(rng, target, gate, batch, params)
    return target, gate, batch, params


def loss_terms():
    """Name, leak, term."""
    terms = []

    def reconstruction(name, source, routing, leak="sign_gated", **more):
        terms.append((name, leak, {"kind": "reconstruction", "source": source, "routing": routing, "term": 0} | more))

    for source in ["stochastic", "importance", "ones", "rounded", "zero"]:
        reconstruction(f"{source}/all", source, "all")
        reconstruction(f"{source}/each_alone", source, "each_alone")
        reconstruction(f"{source}/random_subset/batch", source, "random_subset", per="batch")
        reconstruction(f"{source}/random_subset/position", source, "random_subset", per="position")
        reconstruction(f"{source}/bernoulli/position", source, "bernoulli", per="position", probability=0.5)
    reconstruction("stochastic/all plain leak", "stochastic", "all", leak="plain")
    reconstruction("stochastic/all delta stochastic", "stochastic", "all", delta="stochastic")
    reconstruction("stochastic/all delta on", "stochastic", "all", delta="on")
    reconstruction("ones/all delta stochastic", "ones", "all", delta="stochastic")  # as without: the masks are not stochastic
    reconstruction("ones/all delta on", "ones", "all", delta="on")  # exact: zero but for rounding
    reconstruction("stochastic/random_subset/position, 2 draws, term 2", "stochastic", "random_subset", per="position", draws=2, term=2)
    reconstruction("stochastic/all mse", "stochastic", "all", divergence="mse")

    def term(name, kind, **more):
        terms.append((name, "sign_gated", {"kind": kind} | more))

    term("faithfulness", "faithfulness", relative=False)
    term("faithfulness relative", "faithfulness", relative=True)
    for p in [1.0, 2.0, 0.5]:
        term(f"minimality p {p} mean", "importance_minimality", p=p, epsilon=1e-12, positions="mean", zero_is_free=False)
    term("minimality p 0.5 sum", "importance_minimality", p=0.5, epsilon=1e-12, positions="sum", zero_is_free=False)
    term("minimality p 0.5 mean zero_is_free", "importance_minimality", p=0.5, epsilon=1e-4, positions="mean", zero_is_free=True)
    term("frequency p 2 mean", "frequency", p=2.0, epsilon=1e-12, positions="mean", zero_is_free=False)
    term("frequency p 0.5 sum zero_is_free", "frequency", p=0.5, epsilon=1e-4, positions="sum", zero_is_free=True)
    term("usage", "usage", exponent=0.5, offset=1e-5)
    return terms


def losses_case():
    seed = 5
    target, gate, batch, params = losses_problem(seed)
    steps = {leak: Step(target, gate, batch, leaves_of(params), seed, leak) for leak in ("sign_gated", "plain")}
    step = steps["sign_gated"]
    results = []
    for name, leak, term in loss_terms():
        leaves = leaves_of(params)
        value = Step(target, gate, batch, leaves, seed, leak).loss(term)
        grads = dict(zip(leaves, gradients(value, list(leaves.values()))))
        results.append({"name": name, "leak": leak, "settings": term, "value": value.value.item(),
                        "gradients": nonzero(grads)})
    return {"header": header("losses", seed), "model": model(target, gate, counts_of(target)), "draws": {"seed": seed, "step": batch.step},
            "batch": batch_json(batch), "parameters": params, "clean_logits": at_valid(step.clean, batch),
            "site_inputs": {s: at_valid(var(x), batch) for s, x in step.inputs.items()},
            "pre_activation": {s: at_valid(x, batch) for s, x in step.pre.items()},
            "lower_sign_gated": {s: at_valid(x, batch) for s, x in step.lower.items()},
            "lower_plain": {s: at_valid(x, batch) for s, x in steps["plain"].lower.items()},
            "upper": {s: at_valid(x, batch) for s, x in step.upper.items()}, "losses": results}


def nonzero(grads):
    """Without the parameters whose gradient is zero, exactly or (at an exact minimum) but for rounding."""
    return {k: g for k, g in grads.items() if np.abs(g).max() > 1e-13}


def at_valid(x, batch):
    """Values with padded positions shown as 0; they mean nothing there."""
    return np.where(batch.valid[..., None], x.value, 0.0)


# gates.json

def gates_case():
    seed = 23
    rng = np.random.default_rng(seed)
    B, T, C, d_in = 3, 6, 5, 4
    valid = np.arange(T)[None, :] < np.array([6, 4, 5])[:, None]
    a, V = rng.normal(size=(B, T, d_in)), rng.normal(size=(d_in, C)) * 0.6
    weights = rng.normal(size=(B, T, C)) * valid[..., None]
    cases = []
    for name, gate, width in [("sequence causal", Gate(), d_in), ("sequence bidirectional", Gate(causal=False), d_in),
                              ("sequence narrow without own activation", Gate(own_activation=False), 2),
                              ("vector_mlp", Gate("vector_mlp"), 0), ("shared_mlp", Gate("shared_mlp"), 0), ("mlp", Gate("mlp"), 0)]:
        params = make_gate(rng, gate, d_in, C, width)
        y, leaves, total = gate_total(gate, params, a, V, valid, weights)
        grads = dict(zip(leaves, gradients(total, list(leaves.values()))))
        settings = {"kind": gate.kind, "hidden": HIDDEN}
        if gate.kind == "sequence":
            settings |= {"causal": gate.causal, "own_activation": gate.own_activation, "head_width": width, "positions": POSITIONS}
        cases.append({"name": name, "settings": settings, "parameters": params, "pre_activation": np.where(valid[..., None], y.value, 0.0),
                      "total": total.value.item(), "gradients": nonzero(grads)})
    return {"header": header("gates", seed), "input": a, "valid": valid.astype(int), "V": V, "weights": weights, "gates": cases}


def gate_total(gate, params, a, V, valid, weights):
    leaves = leaves_of(params | {"V": V})
    y = pre_activation(gate, {k: v for k, v in leaves.items() if k != "V"}, var(a), leaves["V"], valid)
    return y, leaves, (y * weights).sum()


# trajectory.json, trajectory_before.json, trajectory_rotary.json

TRAJECTORY = {"name": "trajectory", "seed": 31, "steps": 10, "before": False, "gate_bound": 1.0}
# A bound that clips the gates at one step and not at the others.
TRAJECTORY_BEFORE = {"name": "trajectory_before", "seed": 37, "steps": 3, "before": True, "gate_bound": 3.5}
TRAJECTORY_ROTARY = {"name": "trajectory_rotary", "seed": 41, "steps": 3, "before": False, "gate_bound": 1.0, "rotary": True}


def recipe(steps, seed, gate_bound=1.0):
    def reconstruct(term, source, routing, **more):
        return {"kind": "reconstruction", "source": source, "routing": routing, "term": term} | more

    # The four draws come first, so that `term` is the same whether or not terms without draws are counted.
    losses = [
        {"name": "importance/all", "coefficient": 0.5, "settings": reconstruct(0, "importance", "all")},
        {"name": "stochastic/all", "coefficient": 1.0, "settings": reconstruct(1, "stochastic", "all")},
        {"name": "stochastic/each_alone", "coefficient": 1.0, "settings": reconstruct(2, "stochastic", "each_alone")},
        {"name": "importance/random_subset", "coefficient": 0.7, "settings": reconstruct(3, "importance", "random_subset", per="batch")},
        {"name": "importance_minimality", "coefficient": 0.4,
         "settings": {"kind": "importance_minimality", "p": {"kind": "linear", "from": 1.0, "to": 0.4}, "epsilon": 1e-12,
                  "positions": "mean", "zero_is_free": False}},
        {"name": "usage", "coefficient": {"kind": "linear", "from": 0.0, "to": 0.02, "start": 0.0, "end": 0.5},
         "settings": {"kind": "usage", "exponent": 0.5, "offset": 1e-5}},
        {"name": "faithfulness", "coefficient": 1000.0, "settings": {"kind": "faithfulness", "relative": False}}]
    return Recipe(steps=steps, seed=seed, leak="sign_gated", losses=losses,
                  learning_rate={"kind": "quarter_cosine", "from": 4e-3, "to": 0.0}, beta1=0.9, beta2=0.999, eps=1e-8,
                  weight_decay=0.01, clip={"subcomponents": 0.5, "gates": gate_bound})


def trajectory_problem(seed, steps, before, rotary=False):
    rng = np.random.default_rng(seed)
    target, gate = make_target(rng, before=before, output=not before, rotary=rotary), Gate()
    params = make_parameters(rng, target, gate, counts_of(target))
    B, T, batches = 4, 6, []
    for t in range(steps):
        lengths = np.array([T, T, T - 2 if t % 2 else T, T])  # every other step has padding
        valid = np.arange(T)[None, :] < lengths[:, None]
        tokens = np.where(valid, rng.integers(0, VOCAB, size=(B, T)), 0)
        batches.append(Batch(tokens, valid, np.stack([lengths - 1, lengths - 3], axis=1), step=t))
    return target, gate, batches, params


def trajectory_case(name, seed, steps, before, gate_bound, rotary=False):
    target, gate, batches, params = trajectory_problem(seed, steps, before, rotary)
    plan = recipe(steps, seed, gate_bound)
    final, records = train(target, gate, plan, batches, params)
    return {"header": header(name, seed), "model": model(target, gate, counts_of(target)),
            "recipe": vars(plan), "initial": params,
            "steps": [record | {"batch": batch_json(batch)} for record, batch in zip(records, batches)], "final": final}


# schedules.json

def schedules_case():
    linear = {"kind": "linear", "from": 2.0, "to": 0.5}
    cosine = {"kind": "cosine", "from": 1.0, "to": 0.0}
    quarter = {"kind": "quarter_cosine", "from": 4e-3, "to": 0.0}
    every = [
        ({"kind": "constant", "value": 0.3}, 10, [0, 5, 9]), (linear, 11, [0, 1, 5, 10]), (linear, 1, [0]),
        (linear | {"start": 0.25, "end": 0.75}, 9, list(range(9))), (linear | {"start": 0.0, "end": 0.5}, 10, list(range(10))),
        ({"kind": "linear", "from": 0.0, "to": 0.02, "start": 0.0, "end": 0.5}, 10, list(range(10))),
        (cosine, 101, [0, 25, 50, 75, 100]), (cosine, 1, [0]), (cosine | {"to": 0.1, "start": 0.2, "end": 0.8}, 11, list(range(11))),
        (quarter, 10, list(range(10))), (quarter | {"to": 1e-3, "start": 0.5}, 7, list(range(7))),
        ({"kind": "warmup", "fraction": 0.1, "then": {"kind": "constant", "value": 2.0}}, 100, [0, 1, 5, 9, 10, 99]),
        ({"kind": "warmup", "fraction": 0.1, "then": cosine}, 100, [0, 5, 9, 10, 11, 54, 99]),
        ({"kind": "warmup", "fraction": 0.25, "then": linear | {"start": 0.5}}, 10, list(range(10))),
        ({"kind": "warmup", "fraction": 0.25, "then": quarter}, 3, [0, 1, 2]),
        ({"kind": "warmup", "fraction": 0.1, "then": cosine}, 1, [0])]
    # Worked examples of the method's literature, with the expected number written by hand.
    checks = [
        ("a half cosine is half-way in the middle", cosine, 101, 50, 0.5),
        ("warm-up starts at zero", {"kind": "warmup", "fraction": 0.1, "then": cosine}, 100, 0, 0.0),
        ("warm-up ends at the start value", {"kind": "warmup", "fraction": 0.1, "then": cosine}, 100, 10, 1.0),
        ("one step takes the start value", cosine, 1, 0, 1.0),
        ("p from 2 to 1 over the first half, a quarter in", {"kind": "linear", "from": 2.0, "to": 1.0, "start": 0.0, "end": 0.5}, 101, 25, 1.5)]
    return {"header": header("schedules", 0),
            "schedules": [{"schedule": s, "steps": T, "at": at, "values": [schedule(s, t, T) for t in at]} for s, T, at in every],
            "checks": [{"name": n, "schedule": s, "steps": T, "at": t, "value": v} for n, s, T, t, v in checks]}


# Files

def header(name, seed):
    return {"command": "python3 src/test/golden/method.py", "numpy": np.__version__, "seed": seed, "spec": "docs/reference/spec.md", "file": f"{name}.json"}


def model(target, gate, counts):
    return {"layers": target.layers, "position": "rotary" if target.rotary else "before" if target.before else "after",
            "position_table": target.table,
            "output_matrix": "O0" in target.weights, "weights": target.weights, "subcomponents": counts,
            "gate": {"kind": gate.kind, "causal": gate.causal, "own_activation": gate.own_activation, "head_width": D, "hidden": HIDDEN,
                     "positions": POSITIONS}}


def batch_json(batch):
    return {"tokens": batch.tokens, "valid": batch.valid.astype(int), "loss_positions": batch.loss_positions, "examples": batch.examples}


def text(x, indent=""):
    """JSON with one short value or array to a line. Python writes a float64 in the fewest digits that read back exactly."""
    if isinstance(x, np.ndarray):
        return json.dumps({"shape": list(x.shape), "data": x.reshape(-1).tolist()}, separators=(",", ":"))
    if isinstance(x, dict) and x:
        inner = indent + " "
        return "{\n" + ",\n".join(f"{inner}{json.dumps(k)}:{text(v, inner)}" for k, v in x.items()) + "\n" + indent + "}"
    if isinstance(x, list) and any(isinstance(v, (dict, np.ndarray)) for v in x):
        inner = indent + " "
        return "[\n" + ",\n".join(inner + text(v, inner) for v in x) + "\n" + indent + "]"
    return json.dumps(x, separators=(",", ":"), allow_nan=False)


def write():
    FOLDER.mkdir(parents=True, exist_ok=True)
    cases = [draws_case(), losses_case(), gates_case(), trajectory_case(**TRAJECTORY), trajectory_case(**TRAJECTORY_BEFORE),
             trajectory_case(**TRAJECTORY_ROTARY), schedules_case(), toys.case(header("toys", 11))]
    sums = []
    for case in cases:
        name, content = case["header"]["file"], (text(case) + "\n").encode("ascii")
        assert b"NaN" not in content and b"Infinity" not in content and len(content) < 1_000_000, (name, len(content))
        (FOLDER / name).write_bytes(content)
        sums.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
        print(f"{len(content):8d}  {name}")
    (FOLDER / "SHA256SUMS").write_text("".join(sorted(sums, key=lambda line: line.split()[1])))


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        import check
        check.run()
    elif not sys.argv[1:]:
        write()
    else:
        sys.exit(__doc__)
