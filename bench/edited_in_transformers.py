#!/usr/bin/env python3
"""Compares an edited model with itself under transformers, and shows what it writes before and after.

    bench/edited_in_transformers.py bin/cleave MODEL EDITED [PROMPT ...]

MODEL is what was edited (a folder or a GGUF file), EDITED what `cleave edit` wrote. Prints the largest difference of a
logit of the first prompts between `cleave predict EDITED` and transformers, and what transformers goes on with, greedily, for each prompt.
Needs torch and transformers (and gguf and accelerate for a GGUF file); no part of Cleave does.
"""
import json
import os
import subprocess
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

PROMPTS = [
    "Tiger Woods is a legend of professional",
    "Tiger Woods plays the sport of",
    "The sport that Tiger Woods is famous for is",
    "Kobe Bryant is a legend of professional",
    "Kobe Bryant plays the sport of",
    "Peyton Manning is a legend of professional",
    "Derek Jeter is a legend of professional",
    "We spent Sunday playing a round of",
    "The capital of France is",
    "Once upon a time there was",
]
NEW = 12
COMPARED = 3  # prompts whose logits are compared


def load(place):
    if place.endswith(".gguf"):
        folder, name = os.path.split(os.path.abspath(place))
        kwargs = {"gguf_file": name}
    else:
        folder, kwargs = place, {}
    tokenizer = AutoTokenizer.from_pretrained(folder, **kwargs)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **kwargs).eval()
    return tokenizer, model


@torch.no_grad()
def goes_on(tokenizer, model, prompt):
    ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False).input_ids
    out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW, do_sample=False)
    return tokenizer.decode(out[0, ids.shape[1] :]).replace("\n", "\\n")


@torch.no_grad()
def main():
    cleave, place, edited, *prompts = sys.argv[1:]
    before, after = load(place), load(edited)
    largest = 0.0
    for i, prompt in enumerate(prompts or PROMPTS):
        print(f"{prompt}\n  before:{goes_on(*before, prompt)}\n  after: {goes_on(*after, prompt)}")
        if i >= COMPARED:
            continue
        said = subprocess.run(
            [cleave, "predict", edited, prompt, "--logits", "all", "--json"], check=True, capture_output=True, text=True
        )
        own = torch.tensor(json.loads(said.stdout)["logits"], dtype=torch.float64)
        ids = after[0](prompt, return_tensors="pt", add_special_tokens=False).input_ids
        theirs = after[1](ids).logits[0].double()
        largest = max(largest, (own - theirs).abs().max().item())
    print(f"largest difference of a logit: {largest:.2e}")


if __name__ == "__main__":
    main()
