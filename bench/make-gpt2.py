#!/usr/bin/env python3
"""Write a GPT-2 with random weights as a folder that Cleave (and Hugging Face's tools) can open.

The folder gets `config.json`, `model.safetensors` in float32 and `compact_vocabulary.json`, which
gives Cleave GPT-2's own tokens, as many as the model has. Nothing but numpy is needed.

    bench/make-gpt2.py lm-768 target/bench/lm-768
    bench/make-gpt2.py gpt2-small target/bench/gpt2-small
    bench/make-gpt2.py lm-128 target/bench/three-blocks --layers 3
"""

import argparse
import json
import os
import struct
import sys

import numpy

# Blocks, width, heads, tokens and longest sequence of the shapes that the benchmarks use.
SHAPES = {
    "lm-128": dict(layers=2, width=128, heads=4, tokens=4019, length=128),
    "lm-768": dict(layers=2, width=768, heads=12, tokens=50257, length=128),
    "gpt2-small": dict(layers=12, width=768, heads=12, tokens=50257, length=1024),
}
END_OF_TEXT = 50256  # the last of GPT-2's tokens; a compact vocabulary begins with it


def tensors(layers, width, tokens, length):
    """Name, shape and kind of each tensor: `normal` ones are drawn, others are all 0 or all 1."""
    yield "transformer.wte.weight", (tokens, width), "normal"
    yield "transformer.wpe.weight", (length, width), "normal"
    for layer in range(layers):
        block = f"transformer.h.{layer}."
        for norm in ("ln_1", "ln_2"):
            yield f"{block}{norm}.weight", (width,), 1
            yield f"{block}{norm}.bias", (width,), 0
        # Hugging Face keeps these four as [inputs, outputs].
        for name, inputs, outputs in (
            ("attn.c_attn", width, 3 * width),
            ("attn.c_proj", width, width),
            ("mlp.c_fc", width, 4 * width),
            ("mlp.c_proj", 4 * width, width),
        ):
            yield f"{block}{name}.weight", (inputs, outputs), "normal"
            yield f"{block}{name}.bias", (outputs,), 0
    yield "transformer.ln_f.weight", (width,), 1
    yield "transformer.ln_f.bias", (width,), 0


def write_weights(path, listed, seed, std):
    """Write a safetensors file: the header's length, the header in JSON, then the numbers."""
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, shape, _ in listed:
        size = 4 * int(numpy.prod(shape))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # the numbers begin at a multiple of 8 bytes
    random = numpy.random.default_rng(seed)
    with open(path + ".part", "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for _, shape, kind in listed:
            if kind == "normal":
                numbers = random.standard_normal(shape, dtype=numpy.float32) * numpy.float32(std)
            else:
                numbers = numpy.full(shape, kind, dtype=numpy.float32)
            file.write(numbers.astype("<f4").tobytes())
    os.replace(path + ".part", path)
    return end // 4


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("shape", choices=SHAPES, help="sizes to start from")
    parser.add_argument("folder", help="where the files go; made if missing")
    for size in ("layers", "width", "heads", "tokens", "length"):
        parser.add_argument(f"--{size}", type=int, help="instead of the shape's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--std", type=float, default=0.02, help="deviation of the drawn numbers")
    given = parser.parse_args()
    size = {
        key: value if getattr(given, key) is None else getattr(given, key)
        for key, value in SHAPES[given.shape].items()
    }
    if min(size.values()) < 1:
        parser.error(f"sizes must be >= 1, got {size}")
    if size["width"] % size["heads"] != 0:
        parser.error(f"width must be a multiple of heads, got {size['width']}, {size['heads']}")
    os.makedirs(given.folder, exist_ok=True)

    config = {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": size["tokens"],
        "n_positions": size["length"],
        "n_embd": size["width"],
        "n_layer": size["layers"],
        "n_head": size["heads"],
        "n_inner": 4 * size["width"],
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
    }
    if size["tokens"] <= END_OF_TEXT + 1:
        vocabulary = {
            "encoding": "r50k_base",
            "tokens": [END_OF_TEXT, *range(size["tokens"] - 1)],
        }
        with open(os.path.join(given.folder, "compact_vocabulary.json"), "w") as file:
            json.dump(vocabulary, file)
            file.write("\n")
    listed = list(tensors(size["layers"], size["width"], size["tokens"], size["length"]))
    count = write_weights(
        os.path.join(given.folder, "model.safetensors"), listed, given.seed, given.std
    )
    # Written last: a folder with a configuration is complete.
    with open(os.path.join(given.folder, "config.json"), "w") as file:
        json.dump(config, file, indent=2)
        file.write("\n")
    print(f"{given.folder}: {count:,} numbers, {4 * count / 1e6:,.0f} MB", file=sys.stderr)


if __name__ == "__main__":
    main()
