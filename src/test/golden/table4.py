"""The paper's Table 4 to the letter on a GPU, for those without the patience of a CPU: configs/induction-paper.yaml once more, in PyTorch.

    python3 src/test/golden/table4.py --check                       # against reference.py, seconds, needs no GPU
    python3 src/test/golden/table4.py --steps 100000 --out rows.jsonl

Needs torch and safetensors, and triton for the kernels. It shares nothing with the toolkit but the target's file, and draws by torch's generator,
so that its rows stand beside the toolkit's and do not repeat them. The settings that Table 4 leaves open are those of the configuration: linear p,
importances averaged over positions, draws of each loss apart, the learning rate a quarter of a cosine, and, with --leak both_signs, the leak.

Layout: L sites Q0, K0, V0, Q1, K1, V1; d width; C subcomponents; H hidden width of a gate; B sequences; T positions; N = B T. Whatever
has a value at each position has the positions last, so that a subcomponent's values lie beside each other.
"""

import argparse
import json
import math
import os
import pathlib
import time

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

try:
    import triton
    import triton.language as tl
except ImportError:
    triton = None

SITES = ["Q0", "K0", "V0", "Q1", "K1", "V1"]
NAMES = {"Q": "query", "K": "key", "V": "value", "O": "output"}
L, d, T, C, H = 6, 16, 64, 100, 16
BOS, SPECIAL = 0, 129
FAITHFULNESS, RECONSTRUCTION, STOCHASTIC, LAYERWISE, MINIMALITY = 1000.0, 0.5, 1.0, 1.0, 0.02
P_FROM, P_TO, EPSILON, RATE, LEAK = 0.9, 0.1, 1e-12, 1e-3, 0.01


# The target and its data

class Target:
    def __init__(self, folder, device, dtype=torch.float32):
        file = {k: v.to(device, dtype) for k, v in load_file(pathlib.Path(folder) / "model.safetensors").items()}
        self.E, self.Wu = file["embedding"], file["unembedding"]
        self.W = {f"{m}{i}": file[f"blocks.{i}.{name}"] for m, name in NAMES.items() for i in range(2)}
        self.sites = torch.stack([self.W[s] for s in SITES])  # [L, d_out, d_in]
        angle = torch.arange(T, dtype=torch.float64)[:, None] * 10000.0 ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
        self.code = torch.stack([angle.sin(), angle.cos()], -1).reshape(T, d).to(device, dtype)
        self.mask = torch.full((T, T), float("-inf"), device=device, dtype=dtype).triu(1)

    def first(self, x, q, k, v):
        """The stream after block 0 [B, T, d]."""
        scores = (q + self.code) @ (k + self.code).mT / math.sqrt(d) + self.mask
        return x + (scores.softmax(-1) @ v) @ self.W["O0"].T

    def last(self, x, q, k, v):
        """Log-probabilities after the last position [B, tokens]; x and q [B, 1, d] are that position's."""
        scores = (q + self.code[-1]) @ (k + self.code).mT / math.sqrt(d)
        return (((x + (scores.softmax(-1) @ v) @ self.W["O1"].T) @ self.Wu.T)[:, 0]).log_softmax(-1)

    def clean(self, tokens):
        """Stream before block 0 and 1 [B, T, d], the projections of block 1, log-probabilities."""
        x0 = self.E[tokens]
        x1 = self.first(x0, *(x0 @ self.W[s].T for s in ("Q0", "K0", "V0")))
        q, k, v = x1[:, -1:] @ self.W["Q1"].T, x1 @ self.W["K1"].T, x1 @ self.W["V1"].T
        return x0, x1, (q, k, v), self.last(x1[:, -1:], q, k, v)


def draw(B, device):
    """Tokens [B, T], the position of the first special token [B]."""
    tokens = torch.randint(1, SPECIAL, (B, T), device=device)
    s1 = torch.randint(2, T - 2, (B, 1), device=device)
    tokens[:, 0], tokens[:, -1] = BOS, SPECIAL
    return tokens.scatter(1, s1, SPECIAL), s1[:, 0]


# The gates' MLPs: y_c = w2_c . gelu(W1_c z + b1_c) + b2_c, z [L, Z, N], y [L, C, N]

def gates_plain(z, w1, b1, w2, b2):
    h = F.gelu(w1 @ z + b1[..., None])
    return (h.unflatten(1, (C, H)) * w2.unflatten(1, (C, H))[..., None]).sum(2) + b2[..., None]


if triton:
    @triton.jit
    def gelu_parts(pre):
        """gelu and its derivative."""
        cdf = 0.5 * (1.0 + tl.erf(pre * 0.7071067811865476))
        return pre * cdf, cdf + pre * tl.exp(-0.5 * pre * pre) * 0.3989422804014327

    @triton.jit
    def forward_kernel(z, w1, b1, w2, b2, y, N, C: tl.constexpr, H: tl.constexpr, Z: tl.constexpr, G: tl.constexpr, M: tl.constexpr):
        site, n = tl.program_id(1), tl.program_id(0) * M + tl.arange(0, M)
        row, inner = tl.arange(0, G * H), tl.arange(0, Z)
        tile = tl.load(z + (site * Z + inner[:, None]) * N + n[None, :])
        for block in range(C // G):
            at = site * C * H + block * G * H + row
            pre = tl.dot(tl.load(w1 + at[:, None] * Z + inner[None, :]), tile) + tl.load(b1 + at)[:, None]
            h, _ = gelu_parts(pre)
            h = tl.sum(tl.reshape(h * tl.load(w2 + at)[:, None], (G, H, M)), 1)
            c = site * C + block * G + tl.arange(0, G)
            tl.store(y + c[:, None] * N + n[None, :], h + tl.load(b2 + c)[:, None])

    @triton.jit
    def input_kernel(z, w1, b1, w2, dy, dz, N, C: tl.constexpr, H: tl.constexpr, Z: tl.constexpr, G: tl.constexpr, M: tl.constexpr):
        site, n = tl.program_id(1), tl.program_id(0) * M + tl.arange(0, M)
        row, inner = tl.arange(0, G * H), tl.arange(0, Z)
        tile = tl.load(z + (site * Z + inner[:, None]) * N + n[None, :])
        total = tl.zeros((Z, M), dtype=tl.float32)
        for block in range(C // G):
            at = site * C * H + block * G * H + row
            weights = tl.load(w1 + at[:, None] * Z + inner[None, :])
            _, slope = gelu_parts(tl.dot(weights, tile) + tl.load(b1 + at)[:, None])
            outer = tl.load(dy + (site * C + block * G + row // H)[:, None] * N + n[None, :])
            total += tl.dot(tl.trans(weights), slope * outer * tl.load(w2 + at)[:, None])
        tl.store(dz + (site * Z + inner[:, None]) * N + n[None, :], total)

    @triton.jit
    def weight_kernel(z, w1, b1, w2, dy, dw1, db1, dw2, N, share, L: tl.constexpr, C: tl.constexpr, H: tl.constexpr, Z: tl.constexpr,
                      G: tl.constexpr, M: tl.constexpr):
        block, site, part = tl.program_id(0), tl.program_id(1), tl.program_id(2)
        row, inner = tl.arange(0, G * H), tl.arange(0, Z)
        at = site * C * H + block * G * H + row
        weights, bias, out = tl.load(w1 + at[:, None] * Z + inner[None, :]), tl.load(b1 + at), tl.load(w2 + at)
        sum_w1, sum_b1, sum_w2 = tl.zeros((G * H, Z), tl.float32), tl.zeros((G * H,), tl.float32), tl.zeros((G * H,), tl.float32)
        for start in range(0, share, M):
            n = part * share + start + tl.arange(0, M)
            tile = tl.load(z + (site * Z + inner[:, None]) * N + n[None, :])
            h, slope = gelu_parts(tl.dot(weights, tile) + bias[:, None])
            outer = tl.load(dy + (site * C + block * G + row // H)[:, None] * N + n[None, :])
            back = slope * outer * out[:, None]
            sum_w1 += tl.dot(back, tl.trans(tile))
            sum_b1 += tl.sum(back, 1)
            sum_w2 += tl.sum(h * outer, 1)
        at += part * L * C * H
        tl.store(dw1 + at[:, None] * Z + inner[None, :], sum_w1)
        tl.store(db1 + at, sum_b1)
        tl.store(dw2 + at, sum_w2)


class GatesFused(torch.autograd.Function):
    """gates_plain without keeping any hidden activation: the way back computes them again."""
    G, M, PARTS = 4, 64, 8

    @staticmethod
    def forward(ctx, z, w1, b1, w2, b2):
        z = z.contiguous()
        sites, Z, N = z.shape
        assert N % (GatesFused.M * GatesFused.PARTS) == 0, f"positions must be a multiple of {GatesFused.M * GatesFused.PARTS}, got {N}"
        y = torch.empty(sites, C, N, device=z.device)
        forward_kernel[(N // GatesFused.M, sites)](z, w1, b1, w2, b2, y, N, C, H, Z, GatesFused.G, GatesFused.M)
        ctx.save_for_backward(z, w1, b1, w2)
        return y

    @staticmethod
    def backward(ctx, dy):
        z, w1, b1, w2 = ctx.saved_tensors
        dy = dy.contiguous()
        sites, Z, N = z.shape
        dz = torch.empty_like(z)
        input_kernel[(N // GatesFused.M, sites)](z, w1, b1, w2, dy, dz, N, C, H, Z, GatesFused.G, GatesFused.M)
        parts = [torch.empty(GatesFused.PARTS, *w.shape, device=z.device) for w in (w1, b1, w2)]
        weight_kernel[(C // GatesFused.G, sites, GatesFused.PARTS)](
            z, w1, b1, w2, dy, *parts, N, N // GatesFused.PARTS, sites, C, H, Z, GatesFused.G, GatesFused.M)
        return dz, *(p.sum(0) for p in parts), dy.sum(-1)


# The decomposition

class Decomposition:
    def __init__(self, target, device, dtype=torch.float32):
        def normal(*shape, fan_in=1.0, gain=1.0):
            return torch.randn(*shape, device=device, dtype=dtype) * math.sqrt(gain / fan_in)

        V, U = F.normalize(normal(L, d, C), dim=1), F.normalize(normal(L, C, d), dim=2)
        overlap = torch.einsum("lco,loi,lic->lc", U, target.sites, V)
        self.target = target
        self.p = {"V": V, "U": U * overlap[..., None], "query": normal(L, d, d, fan_in=d), "key": normal(L, d, d, fan_in=d),
                  "value": normal(L, d, d, fan_in=d), "relative": normal(L, T) * 0, "absolute": normal(L, T, d) * 0,
                  "hidden": normal(L, C * H, 2 * d, fan_in=2 * d, gain=2.0), "hidden_bias": normal(L, C * H) * 0,
                  "output": normal(L, C * H, fan_in=H), "output_bias": normal(L, C) * 0}
        for v in self.p.values():
            v.requires_grad_(True)
        self.distance = (torch.arange(T, device=device)[:, None] - torch.arange(T, device=device)).clamp(min=0)

    def pre(self, x0, x1, mlps):
        """Importances before the hard sigmoids [L, C, B, T]."""
        p, B = self.p, len(x0)
        x = torch.stack([x0, x0, x0, x1, x1, x1])  # [L, B, T, d]
        q, k = x @ p["query"][:, None], x @ p["key"][:, None]
        v = (x + p["absolute"][:, None]) @ p["value"][:, None]
        scores = q @ k.mT / math.sqrt(d) + (p["relative"][:, self.distance] + self.target.mask)[:, None]
        z = torch.cat([scores.softmax(-1) @ v, x], -1).flatten(1, 2).mT
        return mlps(z, p["hidden"], p["hidden_bias"], p["output"], p["output_bias"]).unflatten(-1, (B, T))

    def through(self, site, x, mask):
        """x through the masked subcomponents of a site: x [B, t, d], mask [C, B, t]."""
        l = SITES.index(site)
        a = self.p["V"][l].T @ x.flatten(0, 1).T
        return ((a * mask.flatten(1)).T @ self.p["U"][l]).unflatten(0, x.shape[:2])

    def masked(self, x0, mask):
        """Log-probabilities with every site masked; mask(site) gives its [C, B, T]."""
        x1 = self.target.first(x0, *(self.through(s, x0, mask(s)) for s in SITES[:3]))
        q = self.through("Q1", x1[:, -1:], mask("Q1")[..., -1:])
        return self.target.last(x1[:, -1:], q, *(self.through(s, x1, mask(s)) for s in SITES[4:]))

    def alone(self, site, x0, x1, own, mask):
        """Log-probabilities with one site masked; own are the target's projections of block 1."""
        if site in SITES[:3]:
            x1 = self.target.first(x0, *(self.through(s, x0, mask(s)) if s == site else x0 @ self.target.W[s].T for s in SITES[:3]))
            own = x1[:, -1:] @ self.target.W["Q1"].T, x1 @ self.target.W["K1"].T, x1 @ self.target.W["V1"].T
        elif site == "Q1":
            own = self.through(site, x1[:, -1:], mask(site)[..., -1:]), *own[1:]
        else:
            own = tuple(self.through(s, x1, mask(s)) if s == site else o for s, o in zip(SITES[3:], own))
        return self.target.last(x1[:, -1:], *own)

    def faithfulness(self):
        return ((self.target.sites - (self.p["V"] @ self.p["U"]).mT) ** 2).mean()


def divergence(clean, ours):
    """KL from the target's output to ours, nats a sequence."""
    return (clean.exp() * (clean - ours)).sum(-1).mean()


LOWER = {"plain": lambda v: torch.where(v <= 0, LEAK * v, v.clamp(max=1.0)),
         "both_signs": lambda v: torch.where(v <= 0, LEAK * (v - v.detach()), v.clamp(max=1.0))}


def losses(decomposition, y, x0, x1, own, clean, p, leak, source=torch.rand_like):
    """The five losses and their total. y: of each site [C, B, T], before the hard sigmoids."""
    lower = {s: LOWER[leak](v) for s, v in zip(SITES, y)}
    upper = [torch.where(v > 1, 1.0 + LEAK * (v - 1.0), v.clamp(min=0.0)) for v in y]

    def importance(site):
        return lower[site]

    def stochastic(site):
        g = importance(site)
        return g + (1.0 - g) * source(g)

    each = {"faithful": decomposition.faithfulness(),
            "g-masked": divergence(clean, decomposition.masked(x0, importance)),
            "stochastic": divergence(clean, decomposition.masked(x0, stochastic)),
            "layerwise": sum(divergence(clean, decomposition.alone(s, x0, x1, own, stochastic)) for s in SITES) / L,
            "minimal": sum(((v + EPSILON).log() * p).exp().mean((1, 2)).sum() for v in upper)}
    total = (FAITHFULNESS * each["faithful"] + RECONSTRUCTION * each["g-masked"] + STOCHASTIC * each["stochastic"]
             + LAYERWISE * each["layerwise"] + MINIMALITY * each["minimal"])
    return total, each


# What came out

@torch.no_grad()
def census(decomposition, mlps, sequences=2048, batch=256):
    """Counts at importance 0.5, with and without a floor of 0.1 % of the sequences, means at the paper's tokens, and what masks cost."""
    target, device = decomposition.target, decomposition.p["V"].device
    used, at, kl, right, kept, lowest = 0, 0, {}, {}, [], 0.0
    for _ in range(sequences // batch):
        tokens, s1 = draw(batch, device)
        other = torch.randint(1, T - 3, (batch,), device=device)
        other = torch.where(other < s1, other, other + 2)
        x0, x1, own, clean = target.clean(tokens)
        y = decomposition.pre(x0, x1, mlps)
        g, leaking = y.clamp(0, 1), LOWER["plain"](y)
        lowest = min(lowest, leaking.min().item())
        on = g > 0.5
        used = used + on.any(-1).sum(-1)
        row = torch.arange(batch, device=device)
        at = at + torch.stack([on[:, :, row, n].sum((1, 2)) for n in (s1, s1 + 1, torch.full_like(s1, T - 1), other)], 1)
        label = tokens[row, s1 + 1]
        kept.append((x0, clean, label))
        for name, mask in {"g": g, "g below 0 too": leaking, "rounded": on.float(), "stochastic": g + (1.0 - g) * torch.rand_like(g)}.items():
            measure(name, clean, decomposition.masked(x0, lambda s: mask[SITES.index(s)]), label, kl, right)
    counted = used >= 0.001 * sequences
    for x0, clean, label in kept:
        always = counted.float()[..., None, None].expand(-1, -1, batch, T)
        measure("alone", clean, decomposition.masked(x0, lambda s: always[SITES.index(s)]), label, kl, right)
    share = batch / sequences
    return {"counted": dict(zip(SITES, counted.sum(1).tolist())), "without a floor": dict(zip(SITES, (used > 0).sum(1).tolist())),
            "active at s1, m, s2, random": {s: [round(v, 4) for v in (at[i] / sequences).tolist()] for i, s in enumerate(SITES)},
            "lowest importance of the plain leak": lowest, "faithfulness": decomposition.faithfulness().item(),
            "kl": {k: v * share for k, v in kl.items()}, "accuracy": {k: v / sequences for k, v in right.items()}}


def measure(name, clean, ours, label, kl, right):
    kl[name] = kl.get(name, 0.0) + divergence(clean, ours).item()
    right[name] = right.get(name, 0) + (ours.argmax(-1) == label).sum().item()


@torch.no_grad()
def evaluate(options):
    torch.manual_seed(options.seed)
    decomposition = Decomposition(Target(options.target, "cpu"), "cpu")
    decomposition.p |= load_file(options.weights)
    print(json.dumps({"evaluated": pathlib.Path(options.weights).name} | census(decomposition, gates_plain)))


# Training

def train(options):
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(options.seed)
    decomposition = Decomposition(Target(options.target, device), device)
    parameters = list(decomposition.p.values())
    fused = device.type == "cuda"
    assert triton or not fused, "a GPU needs triton"
    assert not (options.out and pathlib.Path(options.out).exists()), f"{options.out} is there already"
    mlps = GatesFused.apply if fused else gates_plain
    loss = torch.compile(losses) if fused else losses
    rate, p = torch.tensor(RATE, device=device), torch.tensor(P_FROM, device=device)
    adam = torch.optim.Adam(parameters, lr=rate, fused=fused, capturable=fused)

    def step():
        tokens, _ = draw(options.batch, device)
        with torch.no_grad():
            x0, x1, own, clean = decomposition.target.clean(tokens)
        total, each = loss(decomposition, decomposition.pre(x0, x1, mlps).unbind(), x0, x1, own, clean, p, options.leak)
        for v, gradient in zip(parameters, torch.autograd.grad(total, parameters)):
            v.grad = gradient if v.grad is None else v.grad.copy_(gradient)
        adam.step()
        return each

    def write(row):
        print(json.dumps(row), flush=True)
        if options.out:
            with open(options.out, "a") as file:
                file.write(json.dumps(row) + "\n")

    if fused:  # a few steps at rate 0 compile everything; then one step is recorded and played again
        rate.fill_(0.0)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(side)
        for state in adam.state.values():
            for v in state.values():
                v.zero_()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            each = step()

    began = time.time()
    write({"device": torch.cuda.get_device_name() if fused else "cpu", "torch": torch.__version__, "steps": options.steps, "batch": options.batch,
           "seed": options.seed, "leak": options.leak, "target": pathlib.Path(options.target).name})
    for i in range(options.steps):
        p.fill_(P_FROM + (P_TO - P_FROM) * i / max(1, options.steps - 1))
        rate.fill_(RATE * math.cos(0.5 * math.pi * i / max(1, options.steps - 1)))
        if fused:
            graph.replay()
        else:
            each = step()
        done = i + 1
        if done % max(1, options.steps // 10) == 0 or done == options.steps:
            row = {"step": done, "seconds": round(time.time() - began, 1)} | {k: v.item() for k, v in each.items()}
            write(row | census(decomposition, gates_plain if not fused else mlps))
            if options.weights:
                save_file({k: v.detach().contiguous() for k, v in decomposition.p.items()}, options.weights)
    if fused:
        print(f"{1000 * (time.time() - began) / options.steps:.2f} ms a step, {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")


# The check: losses and gradients beside reference.py's, in float64, with every source 0

def check(options):
    import numpy as np
    import reference

    torch.manual_seed(0)
    target = Target(options.target, "cpu", torch.float64)
    decomposition = Decomposition(target, "cpu", torch.float64)
    with torch.no_grad():
        for v in decomposition.p.values():
            v.add_(0.1 * torch.randn_like(v))
    tokens, _ = draw(3, "cpu")
    x0, x1, own, clean = target.clean(tokens)
    p = torch.tensor(0.7, dtype=torch.float64)
    total, each = losses(
        decomposition, decomposition.pre(x0, x1, gates_plain).unbind(), x0, x1, own, clean, p, options.leak, torch.zeros_like)
    ours = dict(zip(decomposition.p, torch.autograd.grad(total, list(decomposition.p.values()))))

    weights = {"E": target.E.numpy(), "Wu": target.Wu.numpy()} | {k: v.numpy() for k, v in target.W.items()}
    theirs = reference.Target(weights, target.code.numpy(), False, 2)
    theirs.sites = lambda: SITES
    values = {k: v.detach().numpy() for k, v in decomposition.p.items()}
    params = {}
    for l, s in enumerate(SITES):
        params |= {f"{s}.V": values["V"][l], f"{s}.U": values["U"][l]}
        for name in ("query", "key", "value", "relative", "absolute", "hidden_bias", "output_bias"):
            params[f"{s}.gate.{name}"] = values[name][l]
        params[f"{s}.gate.hidden"] = values["hidden"][l].T
        params[f"{s}.gate.output"] = values["output"][l].reshape(C, H)
    original = reference.forward

    def only(target_, batch, replaced=None):  # reference.py takes every matrix for a site; here O0 and O1 are none
        if replaced is None:
            return original(target_, batch)
        return original(target_, batch, lambda s, x, w: replaced(s, x, w) if s in SITES else w)

    reference.forward = only
    leaves = {k: reference.Var(v) for k, v in params.items()}
    batch = reference.Batch(tokens.numpy(), np.ones((3, T), dtype=bool), np.full((3, 1), T - 1), step=0)
    step = reference.Step(theirs, reference.Gate(), batch, leaves, 0, options.leak)
    parts = {"faithful": (FAITHFULNESS, {"kind": "faithfulness", "relative": False}),
             "g-masked": (RECONSTRUCTION, {"kind": "reconstruction", "source": "importance", "routing": "all", "term": 0}),
             "stochastic": (STOCHASTIC, {"kind": "reconstruction", "source": "importance", "routing": "all", "term": 1}),
             "layerwise": (LAYERWISE, {"kind": "reconstruction", "source": "importance", "routing": "each_alone", "term": 2}),
             "minimal": (MINIMALITY, {"kind": "importance_minimality", "p": 0.7, "epsilon": EPSILON, "positions": "mean", "zero_is_free": False})}
    worst, reference_total = 0.0, 0.0
    for name, (coefficient, settings) in parts.items():
        value = step.loss(settings)
        reference_total = reference_total + coefficient * value
        worst = max(worst, abs(each[name].item() - float(value.value)) / abs(float(value.value)))
    gradients = dict(zip(leaves, reference.gradients(reference_total, list(leaves.values()))))
    for l, s in enumerate(SITES):
        for name, gradient in ours.items():
            mine = gradient[l].numpy()
            mine = mine.T if name == "hidden" else mine.reshape(C, H) if name == "output" else mine
            other = gradients[f"{s}.{name}" if name in "UV" else f"{s}.gate.{name}"]
            worst = max(worst, np.abs(mine - other).max() / max(1e-6, np.abs(other).max()))
    print(f"losses and gradients differ from reference.py's by at most {worst:.1e}, relative")
    if triton is None or not (torch.cuda.is_available() or os.environ.get("TRITON_INTERPRET") == "1"):
        print("kernels not checked: they need a GPU, or TRITON_INTERPRET=1")
    else:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        shapes = [(2, 2 * d, 1024), (2, C * H, 2 * d), (2, C * H), (2, C * H), (2, C)]
        arguments = [torch.randn(*shape, device=device, requires_grad=True) for shape in shapes]
        weight = torch.randn(2, C, 1024, device=device)
        results = []
        for mlps, precision in ((GatesFused.apply, torch.float32), (gates_plain, torch.float64)):
            given = [a.detach().to(precision).requires_grad_(True) for a in arguments]
            y = mlps(*given)
            results.append([y, *torch.autograd.grad((y * weight).sum(), given)])
        apart = max(((a - b).norm() / b.norm()).item() for a, b in zip(*results))
        print(f"kernels (float32, products in TF32 on a GPU) differ from the plain gates in float64 by at most {apart:.1e} of a tensor's norm")
        worst = worst if apart < 2e-3 else 1.0
    raise SystemExit(0 if worst < 1e-8 else 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", default=pathlib.Path(__file__).resolve().parents[3] / "models" / "induction-fixed-after")
    parser.add_argument("--steps", type=int, default=100000)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--leak", choices=LOWER, default="both_signs")
    parser.add_argument("--out", help="rows, one at every tenth of the steps")
    parser.add_argument("--weights", help="U, V and gates, written with each row")
    parser.add_argument("--evaluate", action="store_true", help="a row of what --weights holds, without training")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    if arguments.evaluate and not arguments.weights:
        parser.error("--evaluate needs --weights")
    check(arguments) if arguments.check else evaluate(arguments) if arguments.evaluate else train(arguments)
