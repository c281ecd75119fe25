#!/usr/bin/env python3
"""One training step of a decomposition in plain eager PyTorch, timed: what Cleave is compared with.

It is the step of configs/bench/lm-*.yaml, on the same random GPT-2 folders. Every site W is replaced
by `((x V) * m) U + d (x Delta^T)` with Delta = W - (V U)^T, under stochastic masks, at a random subset
of the sites drawn for each position; the loss is KL at all positions plus importance minimality; the
update is AdamW. `--folded` writes the same site as `((x V) * (m - d)) U + d (x W^T)`, which is equal
and never forms Delta.

    bench/spd_step.py lm-768 target/bench/lm-768 --threads 2
    bench/spd_step.py lm-768 target/bench/lm-768 --folded --precision bfloat16

It prints one JSON object. bench/README.md says how to install PyTorch. `--count` counts the products of
a step, in 1e9 operations: 14.7 and folded 12.4 at lm-128, 296.3 and folded 210.3 at lm-768, of which
the gates are 101, the output layer 59 and the sites the rest. It trains 7,521,072 parameters at lm-128
and 118,118,400 at lm-768, as Cleave does.
"""

import argparse
import json
import math
import os
import platform
import resource
import statistics
import struct
import sys
import time

import numpy
import torch
import torch.nn.functional as F

BATCH, LENGTH, C = 2, 128, 768
MAPS = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")  # the sites of each block
MINIMALITY, P, EPSILON, RATE = 1e-3, 0.9, 1e-12, 1e-4
GATES = {"lm-128": ("shared_mlp", 550), "lm-768": ("vector_mlp", 12)}


def read(folder):
    """The configuration and the tensors, by their names without the prefix."""
    with open(os.path.join(folder, "config.json")) as file:
        config = json.load(file)
    with open(os.path.join(folder, "model.safetensors"), "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = numpy.frombuffer(file.read(), dtype=numpy.uint8)
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            numbers = data[begin:end].view("<f4").reshape(entry["shape"])
            tensors[name.removeprefix("transformer.")] = torch.from_numpy(numbers.copy())
    return config, tensors


class Products:
    """Products of matrices; in bfloat16 both operands are rounded and the result is float32 again."""

    def __init__(self, bfloat16):
        self.bfloat16 = bfloat16
        self.frozen = {}  # weights that never change, converted once

    def __call__(self, a, b):
        return (a.bfloat16() @ b.bfloat16()).float() if self.bfloat16 else a @ b

    def with_weight(self, a, weight, transposed=False):
        """A product with one of the target's weights."""
        if self.bfloat16:
            weight = self.frozen.setdefault(id(weight), weight.bfloat16())
            a = a.bfloat16()
        result = a @ (weight.T if transposed else weight)
        return result.float() if self.bfloat16 else result


class Target:
    """GPT-2. `sites(name, x, weight)` says what each of the four maps of a block gives, biases aside."""

    def __init__(self, config, tensors, products):
        self.weights, self.products = tensors, products
        self.layers, self.heads = config["n_layer"], config["n_head"]

    def site_weights(self):
        """W as [inputs, outputs] of each site."""
        return {
            f"h.{layer}.{name}": self.weights[f"h.{layer}.{name}.weight"]
            for layer in range(self.layers)
            for name in MAPS
        }

    def norm(self, x, name):
        w = self.weights
        return F.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], 1e-5)

    def logits(self, tokens, sites):
        w = self.weights

        def mapped(name, x):
            return sites(name, x, w[f"{name}.weight"]) + w[f"{name}.bias"]

        x = w["wte.weight"][tokens] + w["wpe.weight"][: tokens.shape[1]]
        for layer in range(self.layers):
            block = f"h.{layer}"
            q, k, v = mapped(f"{block}.attn.c_attn", self.norm(x, f"{block}.ln_1")).chunk(3, -1)
            q, k, v = (
                part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (q, k, v)
            )
            if self.products.bfloat16:
                q, k, v = q.bfloat16(), k.bfloat16(), v.bfloat16()
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True).float()
            x = x + mapped(f"{block}.attn.c_proj", mixed.transpose(1, 2).flatten(2))
            inner = mapped(f"{block}.mlp.c_fc", self.norm(x, f"{block}.ln_2"))
            x = x + mapped(f"{block}.mlp.c_proj", F.gelu(inner, approximate="tanh"))
        return self.products.with_weight(self.norm(x, "ln_f"), w["wte.weight"], transposed=True)


class LowerSigmoid(torch.autograd.Function):
    """clamp(x, 0, 1); below 0 only a gradient that raises the importance passes, times 0.01."""

    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return x.clamp(0, 1)

    @staticmethod
    def backward(context, gradient):
        (x,) = context.saved_tensors
        inside = (x > 0) & (x <= 1)
        leak = (x <= 0) & (gradient < 0)
        return torch.where(inside, gradient, torch.where(leak, 0.01 * gradient, 0.0))


def upper_sigmoid(x):
    return torch.where(x > 1, 1 + 0.01 * (x - 1), x.clamp_min(0))


def parameter(*shape, deviation):
    return torch.nn.Parameter(torch.randn(*shape) * deviation if deviation else torch.zeros(*shape))


def site_parameters(inputs, outputs, kind, hidden):
    """V, U and the gate's MLP: one a site (shared_mlp) or one a subcomponent (vector_mlp)."""
    own = {
        "V": parameter(inputs, C, deviation=inputs**-0.5),
        "U": parameter(C, outputs, deviation=C**-0.5),
        "output_bias": parameter(C, deviation=0),
    }
    wide = hidden if kind == "shared_mlp" else C * hidden
    own["hidden"] = parameter(inputs, wide, deviation=math.sqrt(2 / inputs))
    own["hidden_bias"] = parameter(wide, deviation=0)
    last = (hidden, C) if kind == "shared_mlp" else (C, hidden)
    own["output"] = parameter(*last, deviation=hidden**-0.5)
    return own


class Step:
    """What is trained, and one step of it."""

    def __init__(self, target, kind, hidden, folded, fused):
        self.target, self.kind, self.folded = target, kind, folded
        self.products = target.products
        self.weights = target.site_weights()
        self.sites = {
            name: site_parameters(*weight.shape, kind, hidden)
            for name, weight in self.weights.items()
        }
        self.optimizer = torch.optim.AdamW(
            self.parameters(), lr=RATE, betas=(0.9, 0.999), weight_decay=0.0, fused=fused or None
        )

    def parameters(self):
        return [tensor for own in self.sites.values() for tensor in own.values()]

    def gate(self, own, x):
        hidden = F.gelu(self.products(x, own["hidden"]) + own["hidden_bias"])
        if self.kind == "shared_mlp":
            return self.products(hidden, own["output"]) + own["output_bias"]
        return (hidden.unflatten(-1, (C, -1)) * own["output"]).sum(-1) + own["output_bias"]

    def run(self):
        """One step; gives the loss."""
        products = self.products
        tokens = torch.randint(self.target.weights["wte.weight"].shape[0], (BATCH, LENGTH))
        inputs = {}

        def clean(name, x, weight):
            inputs[name] = x
            return products.with_weight(x, weight)

        with torch.no_grad():
            clean_logits = self.target.logits(tokens, clean)

        masks, deltas, minimality = {}, {}, 0.0
        for name, own in self.sites.items():
            gate = self.gate(own, inputs[name])
            lower, upper = LowerSigmoid.apply(gate), upper_sigmoid(gate)
            masks[name] = lower + (1 - lower) * torch.rand_like(lower)
            deltas[name] = torch.rand(BATCH, LENGTH, 1)
            costs = (upper + EPSILON) ** P - EPSILON**P
            minimality = minimality + costs.sum() / (BATCH * LENGTH)

        count = len(self.sites)
        wanted = torch.randint(1, count + 1, (BATCH, LENGTH, 1))
        routes = torch.rand(BATCH, LENGTH, count).argsort(-1).argsort(-1) < wanted
        routed = {name: routes[..., i : i + 1] for i, name in enumerate(self.sites)}

        def masked(name, x, weight):
            own, m, d, route = self.sites[name], masks[name], deltas[name], routed[name]
            own_output = products.with_weight(x, weight)
            inner = products(x, own["V"])
            if self.folded:
                replaced = products(inner * (m - d), own["U"]) + d * own_output
            else:
                delta = weight - products(own["V"], own["U"])
                replaced = products(inner * m, own["U"]) + d * products(x, delta)
            return torch.where(route, replaced, own_output)

        logits = self.target.logits(tokens, masked)
        divergence = F.kl_div(
            F.log_softmax(logits, -1), F.softmax(clean_logits, -1), reduction="sum"
        ) / (BATCH * LENGTH)
        loss = divergence + MINIMALITY * minimality
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()


def gigaoperations(step):
    """What PyTorch counts in the products of one step."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        step.run()
    return counter.get_total_flops() / 1e9


def resident():
    """The most memory the process has had so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("shape", choices=GATES)
    parser.add_argument("folder", help="what bench/make-gpt2.py wrote")
    parser.add_argument("--label", help="who this is in the results")
    parser.add_argument("--folded", action="store_true", help="never form the weight delta")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--steps", type=int, default=20, help="timed ones")
    parser.add_argument("--warm-up", type=int, default=5, help="steps before the first timed one")
    parser.add_argument("--fused-adam", action="store_true", help="PyTorch's fused AdamW")
    parser.add_argument("--count", action="store_true", help="count operations instead of timing")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.set_num_interop_threads(1)
    torch.manual_seed(0)
    started = resident()
    products = Products(given.precision == "bfloat16")
    target = Target(*read(given.folder), products)
    step = Step(target, *GATES[given.shape], given.folded, given.fused_adam)
    result = {
        "who": given.label or ("pytorch folded" if given.folded else "pytorch"),
        "shape": given.shape,
        "folded": given.folded,
        "precision": given.precision,
        "threads": given.threads,
        "fused_adam": given.fused_adam,
        "malloc": {key: os.environ[key] for key in sorted(os.environ) if key.startswith("MALLOC_")},
        "parameters": sum(tensor.numel() for tensor in step.parameters()),
    }
    if given.count:
        result["gigaoperations"] = round(gigaoperations(step), 1)
    else:
        losses, seconds = [], []
        for _ in range(given.warm_up + given.steps):
            begin = time.perf_counter()
            losses.append(step.run())
            seconds.append(time.perf_counter() - begin)
        seconds = seconds[given.warm_up :]
        quartiles = statistics.quantiles(seconds, n=4, method="inclusive") if len(seconds) > 1 else []
        result |= {
            "steps": given.steps,
            "seconds": round(statistics.median(seconds), 4),
            "quartiles": [round(quartiles[0], 4), round(quartiles[2], 4)] if quartiles else None,
            "first_loss": losses[0],
            "last_loss": losses[-1],
        }
    result |= {
        "start_mib": started,  # of which PyTorch's CUDA build is more than its CPU build
        "peak_mib": resident(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    json.dump(result, sys.stdout)
    print()


if __name__ == "__main__":
    main()
