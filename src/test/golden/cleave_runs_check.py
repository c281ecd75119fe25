"""Holds python/cleave_runs.py against what Cleave computed: importances, logits of the target, without a
subcomponent, with some alone and with masks equal to the importances.

    python3 src/test/golden/cleave_runs_check.py RUN EXPECTED.safetensors
"""

import json
import os
import sys

import numpy as np
import safetensors.numpy
import torch
import transformers

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "..", "python"))
import cleave_runs  # noqa: E402

run = cleave_runs.open_run(sys.argv[1])
expected = safetensors.numpy.load_file(sys.argv[2])
off, only = (json.loads(bytes(expected[key].astype(np.uint8)).decode()) for key in ("off", "names"))
model = transformers.AutoModelForCausalLM.from_pretrained(run.target, attn_implementation="eager").eval()
model = model.to(torch.as_tensor(expected["target"]).dtype)
switched = cleave_runs.Switched(model, run)
ids = torch.as_tensor(expected["ids"])
differences = {}


def compare(name, found, wanted):
    differences[name] = float(np.abs(np.asarray(found) - wanted).max())


def logits():
    with torch.no_grad():
        return model(ids).logits.numpy()


importances = switched.importances(ids)
for name, found in importances.items():
    wanted = expected["importance." + name]
    compare("importance." + name, found, wanted[..., run[name].indices])
compare("target", logits(), expected["target"])
with switched.scaled({off: 0.0}):
    compare("without", logits(), expected["without"])
with switched.only(only):
    compare("only", logits(), expected["only"])
with switched.masked(importances):
    compare("masked", logits(), expected["masked"])
compare("afterwards", logits(), expected["target"])
changed = float(np.abs(expected["without"] - expected["target"]).max())
print(json.dumps({"differences": differences, "changed": changed, "step": run.step}))
