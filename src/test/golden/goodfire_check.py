"""Holds a file of `cleave export --goodfire` against the run that it was made of: the importance functions
by the formulas of goodfire's library, written again here, on the file's tensors, and by
python/cleave_runs.py on the run, both on the same random activations. Prints the largest difference.

    python3 src/test/golden/goodfire_check.py RUN FILE.safetensors
"""

import math
import os
import sys

import numpy as np
import safetensors.numpy

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "..", "python"))
import cleave_runs  # noqa: E402

run = cleave_runs.open_run(sys.argv[1])
theirs = safetensors.numpy.load_file(sys.argv[2])
gelu = np.vectorize(lambda x: 0.5 * x * (1 + math.erf(x / math.sqrt(2))))
draw = np.random.default_rng(0)
worst = 0.0
for name, site in run.sites.items():
    key = name.replace(".", "-")
    x = draw.standard_normal((2, 3, site.V.shape[0])).astype(np.float32)
    W0, b0, W2, b2 = (theirs[f"_ci_fns.{key}.layers.{part}"] for part in ("0.W", "0.b", "2.W", "2.b"))
    if W0.ndim == 2:
        before = gelu(x @ W0 + b0) @ W2 + b2
    else:
        read = (x @ theirs[f"_components.{key}.V"])[..., None] if W0.shape[1] == 1 else x[..., None, :]
        read = np.broadcast_to(read, read.shape[:2] + (W0.shape[0], W0.shape[1]))
        inner = gelu(np.einsum("btcd,cdm->btcm", read, W0) + b0)
        before = (np.einsum("btcm,cmo->btco", inner, W2) + b2)[..., 0]
    lower, _ = run.importances({name: x})[name]
    worst = max(worst, float(np.abs(lower - np.clip(before, 0, 1)).max()))
    reconstructed = theirs[f"_components.{key}.V"] @ theirs[f"_components.{key}.U"]
    worst = max(worst, float(np.abs(reconstructed - site.V @ site.U).max()))
print(worst)
