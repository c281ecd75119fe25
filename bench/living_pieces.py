#!/usr/bin/env python3
"""Keeps of a run on a GGUF model what is ever on: a run directory of a few megabytes, without its target.

    bench/living_pieces.py RUN OUT

RUN is a finished run whose weight delta is folded and whose gates are of kind mlp, scaled (configs/smollm2.yaml). OUT
gets its files with those subcomponents only whose importance is above 0.1 at a position of one of the two prompts:
what is left out falls to the delta, which is the rest of the weight anyway, so nothing else changes. The numbers of
those that are kept are new; OUT/kept.json has the old ones. Needs torch, transformers, safetensors, gguf, accelerate.
"""
import hashlib
import json
import os
import shutil
import sys

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

LEAST = 0.1
PARTS = {
    "U": 0,
    "V": 1,
    "gate.hidden": 0,
    "gate.hidden_bias": 0,
    "gate.output": 0,
    "gate.output_bias": 0,
    "gate.scale": 0,
}


@torch.no_grad()
def main():
    run, out = sys.argv[1:]
    step = max(os.listdir(f"{run}/checkpoints"), key=int)
    tensors = load_file(f"{run}/checkpoints/{step}/decomposition.safetensors")
    target = os.listdir(f"{run}/target")[0]
    tokenizer = AutoTokenizer.from_pretrained(f"{run}/target", gguf_file=target)
    model = AutoModelForCausalLM.from_pretrained(f"{run}/target", gguf_file=target, dtype=torch.float32).eval()
    sites = [key[: -len(".V")] for key in tensors if key.endswith(".V")]
    largest = {site: torch.zeros(tensors[site + ".V"].shape[1]) for site in sites}

    def hook(site):
        gate = {name: tensors[f"{site}.gate.{name}"] for name in ("hidden", "hidden_bias", "output", "output_bias", "scale")}

        def read(module, inputs):
            h = inputs[0] @ tensors[site + ".V"] * gate["scale"]
            z = torch.nn.functional.gelu(h[..., None] * gate["hidden"] + gate["hidden_bias"])
            g = (z * gate["output"]).sum(-1) + gate["output_bias"]
            largest[site] = torch.maximum(largest[site], g.clamp(0, 1).amax((0, 1)))

        return read

    for site in sites:
        model.get_submodule("model." + site).register_forward_pre_hook(hook(site))
    prompts = f"{run}/data/stream-0"
    for line in open(prompts):
        model(tokenizer(json.loads(line)["text"], return_tensors="pt", add_special_tokens=False).input_ids)

    kept, small = {}, {}
    for site in sites:
        indices = (largest[site] > LEAST).nonzero().flatten()
        if len(indices):
            kept[site] = indices.tolist()
            for name, axis in PARTS.items():
                small[f"{site}.{name}"] = tensors[f"{site}.{name}"].index_select(axis, indices).contiguous()
    folder = f"{out}/checkpoints/{step}"
    os.makedirs(folder)
    save_file(small, f"{folder}/decomposition.safetensors")
    digest = hashlib.sha256(open(f"{folder}/decomposition.safetensors", "rb").read()).hexdigest()
    sums = json.load(open(f"{run}/checkpoints/{step}/checksums.json"))
    json.dump({"decomposition.safetensors": digest}, open(f"{folder}/checksums.json", "w"))
    assert set(sums) >= {"decomposition.safetensors"}, sums
    for name in ("run.json", "provenance.json", "metrics.jsonl"):
        shutil.copy(f"{run}/{name}", out)
    shutil.copytree(f"{run}/data", f"{out}/data")
    config = open(f"{run}/config.yaml").read()
    first, rest = config.index("sites:\n"), config.index("start:")
    lines = "".join(f"  - {{pattern: {site}, subcomponents: {len(kept[site])}}}\n" for site in kept)
    open(f"{out}/config.yaml", "w").write(config[:first] + "sites:\n" + lines + config[rest:])
    json.dump(kept, open(f"{out}/kept.json", "w"))
    print(sum(map(len, kept.values())), "of", sum(len(each) for each in largest.values()), "kept")


if __name__ == "__main__":
    main()
