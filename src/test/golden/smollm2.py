"""Logits of SmolLM2-135M-Instruct by transformers, from the GGUF file that bench/fetch-smollm2 gets.

    python3 src/test/golden/smollm2.py GGUF          # writes src/test/resources/golden/smollm2.safetensors
    python3 src/test/golden/smollm2.py GGUF --whole  # and reference.safetensors beside the GGUF file, for `cleave model`

Needs accelerate, gguf, torch, transformers; half a minute, float32. The whole reference has every logit at every position of
ten prompts; the kept file, of the first three, the 50 largest logits of each position and 50 drawn ones.
Prompts are padded on the right with token 0: what comes later changes nothing before it.
"""

import pathlib
import sys

import torch
import transformers
from safetensors.torch import save_file

KEPT = pathlib.Path(__file__).parent.parent / "resources" / "golden" / "smollm2.safetensors"
PROMPTS = [
    "Tiger Woods is best known as a player of the sport of",
    "The capital of France is Paris, and the capital of Japan is",
    "Muhammad Ali: boxing\nUsain Bolt: athletics\nKobe Bryant:",
    "Kobe Bryant is best known as a player of the sport of",
    "def fibonacci(n):\n    if n < 2:\n        return n\n    return",
    "Il était une fois, dans un village près de la mer,",
    "Once upon a time there was a little girl who",
    "<|im_start|>user\nWhat is water made of?<|im_end|>\n<|im_start|>assistant\n",
    "one two three four five six seven eight",
    "The Pythagorean theorem says that in a right triangle",
]


def main():
    path = pathlib.Path(sys.argv[1])
    options = dict(gguf_file=path.name)
    tokenizer = transformers.AutoTokenizer.from_pretrained(path.parent, **options)
    model = transformers.AutoModelForCausalLM.from_pretrained(path.parent, dtype=torch.float32, **options).eval()
    rows = [tokenizer(prompt, add_special_tokens=False).input_ids for prompt in PROMPTS]
    length = max(map(len, rows))
    ids = torch.tensor([row + [0] * (length - len(row)) for row in rows])
    with torch.no_grad():
        logits = torch.cat([model(row[None], use_cache=False).logits for row in ids])
    print("answers:", [tokenizer.decode(logits[i, len(rows[i]) - 1].argmax()) for i in range(len(rows))])
    if "--whole" in sys.argv:
        save_file({"input_ids": ids, "logits": logits.contiguous()}, path.parent / "reference.safetensors")
    first = logits[:3, :max(map(len, rows[:3]))]
    top = first.topk(50).indices
    drawn = torch.randint(first.shape[-1], top.shape, generator=torch.Generator().manual_seed(7))
    at = torch.cat([top, drawn], -1)
    save_file({
        "input_ids": ids[:3, :first.shape[1]].contiguous(),
        "lengths": torch.tensor([len(row) for row in rows[:3]]),
        "tokens": at.to(torch.int32),
        "logits": first.gather(-1, at).contiguous(),
        "prompts": torch.tensor(list("\0".join(PROMPTS[:3]).encode()), dtype=torch.uint8),
    }, KEPT)
    KEPT.chmod(0o644)


if __name__ == "__main__":
    main()
