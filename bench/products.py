#!/usr/bin/env python3
"""The rate at which PyTorch multiplies matrices here, in 1e9 operations a second.

It is the ceiling for a step: the share of it that a step reaches says how much there is to gain.
Prints one JSON object; medians over as many products as fit into `--seconds` of each shape.

    bench/products.py --threads 2
"""

import argparse
import json
import statistics
import sys
import time

import torch

SHAPES = ((1024, 1024, 1024), (256, 768, 3072), (256, 768, 50257))


def rate(rows, inner, columns, dtype, seconds):
    a = torch.randn(rows, inner).to(dtype)
    b = torch.randn(inner, columns).to(dtype)
    out = torch.empty(rows, columns, dtype=dtype)
    times, end = [], None
    while end is None or time.perf_counter() < end or len(times) < 5:
        begin = time.perf_counter()
        torch.mm(a, b, out=out)
        now = time.perf_counter()
        if end is None:
            end = now + seconds  # the first product is not counted
        else:
            times.append(now - begin)
    return 2 * rows * inner * columns / statistics.median(times) / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    result = {"threads": given.threads, "torch": torch.__version__}
    for name in ("float32", "bfloat16"):
        result[name] = {
            "x".join(map(str, shape)): round(rate(*shape, getattr(torch, name), given.seconds), 1)
            for shape in SHAPES
        }
    json.dump(result, sys.stdout)
    print()


if __name__ == "__main__":
    main()
