"""The method on an attention-only transformer: target, subcomponents, importances, masks, losses, training.

Letters and numbers (S1, G4, ...) are those of docs/reference/spec.md. Shapes: B sequences, T positions, d width, C subcomponents.
Parameters live in one flat dict: "Q0.V", "Q0.U", "Q0.gate.hidden", ... Padding is at the right of a row; what happens at a
padded position is left open by the specification, and nothing below depends on it.
"""

import math
from dataclasses import dataclass, field

import numpy as np

import draws
from tape import LOWER, Var, concat, gelu, gradients, log2, log_softmax, softmax, upper, var, where


# The target

@dataclass
class Target:
    weights: dict      # E [vocab, d], Wu [vocab, d], Q0, K0, V0, O0, Q1, ... [d_out, d_in]; without O: identity
    table: np.ndarray  # position code [positions, d]
    before: bool       # code added before the projection to queries and keys, else after it
    layers: int
    rotary: bool = False  # queries and keys are turned by the position in place of a code

    def sites(self):
        return [f"{m}{i}" for i in range(self.layers) for m in "QKVO" if f"{m}{i}" in self.weights]


def sinusoid(positions, d):
    table = np.zeros((positions, d))
    for i in range(d // 2):
        angle = np.arange(positions) * 10000.0 ** (-2.0 * i / d)
        table[:, 2 * i], table[:, 2 * i + 1] = np.sin(angle), np.cos(angle)
    return table


def turned(x):
    """x [B, T, d]: the numbers i and i + d / 2 as a point of the plane, turned by position * 10000^(-2i / d)."""
    half = x.shape[-1] // 2
    angle = np.arange(x.shape[1])[:, None] * 10000.0 ** (-np.arange(half) / half)
    a, b = x[..., :half], x[..., half:]
    return concat(a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle))


@dataclass
class Batch:
    tokens: np.ndarray          # [B, T]
    valid: np.ndarray           # [B, T]
    loss_positions: np.ndarray  # [B, P]
    step: int
    examples: list = field(default=None)  # R5's e of each row

    def __post_init__(self):
        if self.examples is None:
            B = len(self.tokens)
            self.examples = [self.step * B + row for row in range(B)]


def may_attend(valid, causal):
    """[B, T, T]: query n sees key j."""
    T = valid.shape[1]
    seen = np.tril(np.ones((T, T), dtype=bool)) if causal else np.ones((T, T), dtype=bool)
    return valid[:, None, :] & seen


def attention(q, k, v, allowed, bias=0.0):
    scores = (q @ k.T) / math.sqrt(q.shape[-1]) + bias
    return softmax(where(allowed, scores, -1e30)) @ v


def forward(target, batch, replaced=None):
    """Logits [B, T, vocab] and each site's input. `replaced(site, x, own)` gives a site's output in place of its own x W^T."""
    inputs = {}
    p = target.table[: batch.tokens.shape[1]]
    allowed = may_attend(batch.valid, True)

    def site(name, x):
        if name not in target.weights:
            return x
        inputs[name] = x
        own = x @ target.weights[name].T
        return replaced(name, x, own) if replaced else own

    x = Var(target.weights["E"][batch.tokens])
    for i in range(target.layers):
        if target.before:
            q, k = site(f"Q{i}", x + p), site(f"K{i}", x + p)
        elif target.rotary:
            q, k = turned(site(f"Q{i}", x)), turned(site(f"K{i}", x))
        else:
            q, k = site(f"Q{i}", x) + p, site(f"K{i}", x) + p
        v = site(f"V{i}", x)
        x = x + site(f"O{i}", attention(q, k, v, allowed))
    return x @ target.weights["Wu"].T, inputs


# Causal importance

@dataclass
class Gate:
    kind: str = "sequence"
    causal: bool = True
    own_activation: bool = True


def mlp_per_subcomponent(z, p):
    """G4: y_c = w2_c . gelu(z W1_c + b1_c) + b2_c."""
    C, hidden = p["output"].shape
    h = gelu(z @ p["hidden"] + p["hidden_bias"])
    return (h.reshape(*z.shape[:-1], C, hidden) * p["output"]).sum(axis=-1) + p["output_bias"]


def pre_activation(gate, p, a, V, valid):
    """G4, G5: [B, T, C] from a site's input a [B, T, d_in]; p holds the parameters by name."""
    T = a.shape[1]
    if gate.kind == "sequence":
        q, k, v = a @ p["query"], a @ p["key"], (a + p["absolute"][:T]) @ p["value"]
        distance = np.arange(T)[:, None] - np.arange(T)[None, :]  # n - j
        if gate.causal:
            index = np.maximum(distance, 0)  # j > n is masked anyway
        else:
            index = distance + (p["relative"].shape[0] + 1) // 2 - 1  # the table has 2 positions - 1 entries
        o = attention(q, k, v, may_attend(valid, gate.causal), p["relative"][index])
        return mlp_per_subcomponent(concat(o, a) if gate.own_activation else o, p)
    if gate.kind == "vector_mlp":
        return mlp_per_subcomponent(a, p)
    if gate.kind == "shared_mlp":
        return gelu(a @ p["hidden"] + p["hidden_bias"]) @ p["output"] + p["output_bias"]
    if gate.kind == "mlp":
        h = a @ V
        h = gelu(h.reshape(*h.shape, 1) * p["hidden"] + p["hidden_bias"])
        return (h * p["output"]).sum(axis=-1) + p["output_bias"]
    raise ValueError(gate.kind)


def gate_parameters(params, site):
    prefix = site + ".gate."
    return {name[len(prefix):]: v for name, v in params.items() if name.startswith(prefix)}


class Step:
    """One batch under given parameters: clean forward, gates (G1), then any losses."""

    def __init__(self, target, gate, batch, params, seed, leak):
        self.target, self.batch, self.params, self.seed = target, batch, params, seed
        self.sites = target.sites()
        self.clean, inputs = forward(target, batch)
        self.inputs = {s: x.value for s, x in inputs.items()}
        self.pre = {s: pre_activation(gate, gate_parameters(params, s), var(self.inputs[s]), params[s + ".V"], batch.valid)
                    for s in self.sites}
        self.lower = {s: LOWER[leak](x) for s, x in self.pre.items()}
        self.upper = {s: upper(x) for s, x in self.pre.items()}

    def difference(self, site):
        """S1: Delta."""
        return self.target.weights[site] - (self.params[site + ".V"] @ self.params[site + ".U"]).T

    def loss(self, settings):
        return getattr(self, settings["kind"])(**{k: v for k, v in settings.items() if k != "kind"})

    # L1, L2 with M1, M2, M3

    def reconstruction(self, source, routing, term, per="batch", probability=None, delta="none", draws=1, divergence="kl"):
        total = 0.0
        for draw in range(draws):
            masks = {s: self.mask(source, s, term, draw) for s in self.sites}
            deltas = {s: self.delta(delta, source, s, term, draw) for s in self.sites}
            for routed in self.routings(routing, per, probability, term, draw):
                total = total + self.divergence(self.masked(masks, deltas, routed), divergence)
        return total / (draws * (len(self.sites) if routing == "each_alone" else 1))

    def mask(self, source, site, term, draw):
        g = self.lower[site]
        if source == "stochastic":
            r = np.array([draws.source(self.seed, self.batch.step, e, site, term, draw, *g.shape[1:]) for e in self.batch.examples])
            return g + (1.0 - g) * r
        return {"importance": g, "rounded": var(g.value > 0.5), "ones": var(np.ones(g.shape)), "zero": var(np.zeros(g.shape))}[source]

    def delta(self, delta, source, site, term, draw):
        B, T = self.batch.tokens.shape
        if delta == "stochastic" and source == "stochastic":
            return np.array([draws.delta(self.seed, self.batch.step, e, site, term, draw, T) for e in self.batch.examples])
        return np.full((B, T), 1.0 if delta == "on" else 0.0)

    def routings(self, kind, per, probability, term, draw):
        """The forwards of one draw: for each, the booleans [B, T] of every site."""
        B, T = self.batch.tokens.shape
        L = len(self.sites)
        if kind == "all":
            tables = [np.ones((B, T, L), dtype=bool)]
        elif kind == "each_alone":
            tables = [np.broadcast_to(np.arange(L) == i, (B, T, L)) for i in range(L)]
        else:
            tables = [draws.routing(kind, per, probability, self.seed, self.batch.step, self.batch.examples, term, draw, T, L)]
        return [{s: table[:, :, i] for i, s in enumerate(self.sites)} for table in tables]

    def masked(self, masks, deltas, routed):
        """S2 at every site; where not routed the target's own matrix."""
        def replaced(s, x, own):
            through = ((x @ self.params[s + ".V"]) * masks[s]) @ self.params[s + ".U"]
            return where(routed[s][..., None], through + (x @ self.difference(s).T) * deltas[s][..., None], own)
        return forward(self.target, self.batch, replaced)[0]

    def divergence(self, logits, kind):
        at = (np.arange(len(self.batch.tokens))[:, None], self.batch.loss_positions)  # [B, P]
        target, ours = self.clean.value[at], logits[at]
        if kind == "kl":
            log_p = log_softmax(var(target)).value
            each = np.exp(log_p) * (log_p - log_softmax(ours))
        else:
            each = (ours - target) ** 2 / target.shape[-1]
        return each.sum() / self.batch.loss_positions.size

    # L3 to L6

    def faithfulness(self, relative=False):
        W = self.target.weights
        squares = {s: (self.difference(s) ** 2).sum() for s in self.sites}
        if relative:
            return sum(squares[s] / (W[s] ** 2).sum() for s in self.sites) / len(self.sites)
        return sum(squares.values()) / sum(W[s].size for s in self.sites)

    def amounts(self, p, epsilon, positions, zero_is_free):
        """K and A_l [C] of L4."""
        valid = self.batch.valid[..., None].astype(float)
        K = self.batch.valid.sum() if positions == "mean" else len(self.batch.tokens)
        z = epsilon ** p if zero_is_free else 0.0
        return K, [((((self.upper[s] + epsilon) ** p - z) * valid).sum(axis=0).sum(axis=0)) / K for s in self.sites]

    def importance_minimality(self, p, epsilon, positions, zero_is_free=False):
        return sum(A.sum() for A in self.amounts(p, epsilon, positions, zero_is_free)[1])

    def frequency(self, p, epsilon, positions, zero_is_free=False):
        K, amounts = self.amounts(p, epsilon, positions, zero_is_free)
        return sum((A * log2(1.0 + A * K)).sum() for A in amounts)

    def usage(self, exponent, offset):
        total = 0.0
        for s in self.sites:
            largest = where(self.batch.valid[..., None], self.upper[s], -1.0).amax(axis=1)  # [B, C]; upper is never negative
            f = largest.sum(axis=0) / len(self.batch.tokens)
            total = total + ((f + offset) ** exponent - offset ** exponent).sum()
        return total


# Training

def schedule(s, t, T):
    """T1: value at step t of T. A bare number is constant."""
    if not isinstance(s, dict):
        return float(s)
    kind = s["kind"]
    if kind == "constant":
        return s["value"]
    if kind == "warmup":
        W = math.floor(T * s["fraction"])
        if t < W:
            return schedule(s["then"], 0, T - W) * t / W
        return schedule(s["then"], t - W, T - W)
    tau = t / (T - 1) if T > 1 else 0.0
    start, end = s.get("start", 0.0), s.get("end", 1.0)
    q = min(max((tau - start) / (end - start), 0.0), 1.0)
    a, b = s["from"], s["to"]
    if kind == "linear":
        return a + (b - a) * q
    if kind == "cosine":
        return b + (a - b) * (1.0 + math.cos(math.pi * q)) / 2.0
    if kind == "quarter_cosine":
        return b + (a - b) * math.cos(math.pi * q / 2.0)
    raise ValueError(kind)


@dataclass
class Recipe:
    steps: int
    seed: int
    leak: str
    losses: list         # dicts: name, coefficient (a schedule), settings
    learning_rate: object
    beta1: float
    beta2: float
    eps: float
    weight_decay: float
    clip: dict           # group -> bound


def group(name):
    return "gates" if ".gate." in name else "subcomponents"


def at_step(settings, t, T):
    """A loss's settings with p, the only scheduled one, at its value of step t."""
    return {k: schedule(v, t, T) if k == "p" else v for k, v in settings.items()}


def train(target, gate, recipe, batches, params):
    """T4 over all steps; returns the final parameters and a record per step."""
    params = {k: v.copy() for k, v in params.items()}
    m = {k: np.zeros_like(v) for k, v in params.items()}
    v = {k: np.zeros_like(p) for k, p in params.items()}
    records = []
    for t, batch in enumerate(batches):
        leaves = {k: Var(p) for k, p in params.items()}
        step = Step(target, gate, batch, leaves, recipe.seed, recipe.leak)
        record = {"step": t, "learning_rate": schedule(recipe.learning_rate, t, recipe.steps), "coefficients": {}, "p": {}, "losses": {}}
        total = 0.0
        for loss in recipe.losses:
            name, settings = loss["name"], at_step(loss["settings"], t, recipe.steps)
            c = schedule(loss["coefficient"], t, recipe.steps)
            value = step.loss(settings)
            total = total + c * value
            record["coefficients"][name], record["losses"][name] = c, float(value.value)
            if "p" in settings:
                record["p"][name] = settings["p"]
        record["total"] = float(total.value)
        # One backward pass of the total: the incoming gradient of G3 is that of the total, not of one term.
        grads = dict(zip(leaves, gradients(total, list(leaves.values()))))

        record["gradient_norms"] = {}
        for g, bound in recipe.clip.items():  # T3
            names = [k for k in grads if group(k) == g]
            norm = math.sqrt(sum(float((grads[k] ** 2).sum()) for k in names))
            record["gradient_norms"][g] = norm
            if norm > bound:
                for k in names:
                    grads[k] = grads[k] * (bound / norm)

        lr, k = record["learning_rate"], t + 1  # T2
        for name, g in grads.items():
            m[name] = recipe.beta1 * m[name] + (1.0 - recipe.beta1) * g
            v[name] = recipe.beta2 * v[name] + (1.0 - recipe.beta2) * g * g
            params[name] = params[name] * (1.0 - lr * recipe.weight_decay)
            params[name] = params[name] - lr / (1.0 - recipe.beta1 ** k) * m[name] / (
                np.sqrt(v[name]) / math.sqrt(1.0 - recipe.beta2 ** k) + recipe.eps)
        record["pre_activation_margin"] = margin(step, batch.valid)
        records.append(record)
    return params, records


def margin(step, valid, kinks=(0.0, 1.0)):
    """Smallest distance of a valid pre-activation to a kink."""
    return min(float(np.abs(x.value[valid] - kink).min()) for x in step.pre.values() for kink in kinks)
