"""GPT-2 in float64 numpy, from the published description alone, with its own reading of safetensors.

    python3 src/test/golden/gpt2.py                  # writes src/test/resources/golden/gpt2/*, a second
    python3 src/test/golden/gpt2.py --reference DIR  # writes DIR/reference.safetensors for any model directory
    python3 src/test/golden/gpt2.py --random DIR     # a model directory of GPT-2-small's shape: random weights, made-up tokens
"""

import json
import math
import pathlib
import sys

import numpy as np

KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "U8": "u1", "BOOL": "?"}


def read(path):
    """The tensors of a safetensors file; bfloat16 is the upper half of a float32."""
    raw = np.memmap(path, dtype="u1", mode="r")
    size = int(raw[:8].view("<u8")[0])
    header = json.loads(bytes(raw[8:8 + size]))
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        begin, end = (8 + size + at for at in entry["data_offsets"])
        data = bytes(raw[begin:end])
        if entry["dtype"] == "BF16":
            data = (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
        else:
            data = np.frombuffer(data, KINDS[entry["dtype"]])
        found[name] = data.reshape(entry["shape"])
    return found


def bfloat16(a):
    """Rounded to the nearest, ties to even, as the upper 16 bits."""
    bits = np.asarray(a, "<f4").view("<u4")
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")


def write(path, tensors, kinds=None):
    """A safetensors file; `kinds` says the type of some tensors, the others are F32 or I64."""
    header, parts, at = {"__metadata__": {"format": "pt"}}, [], 0
    for name, a in sorted(tensors.items()):
        kind = (kinds or {}).get(name, "I64" if a.dtype.kind == "i" else "F32")
        data = (bfloat16(a) if kind == "BF16" else np.asarray(a, KINDS[kind])).tobytes()
        header[name] = {"dtype": kind, "shape": list(a.shape), "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for part in parts:
            file.write(part)


def load(folder):
    folder = pathlib.Path(folder)
    config = json.loads((folder / "config.json").read_text())
    index = folder / "model.safetensors.index.json"
    names = sorted(set(json.loads(index.read_text())["weight_map"].values())) if index.exists() else ["model.safetensors"]
    tensors = {}
    for name in names:
        tensors.update(read(folder / name))
    return config, {name.removeprefix("transformer."): a for name, a in tensors.items()}


def gelu_new(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def gelu(x):
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def forward(config, weights, ids):
    """Logits [T, V], hidden states before each block [T, d], attention of each block [H, T, T] for token ids [T]."""
    w = lambda name: np.asarray(weights[name], float)
    heads, eps = config["n_head"], config.get("layer_norm_epsilon", 1e-5)
    act = {"gelu_new": gelu_new, "gelu": gelu, "relu": lambda x: np.maximum(x, 0)}[config.get("activation_function", "gelu_new")]

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        return centred / np.sqrt((centred ** 2).mean(-1, keepdims=True) + eps) * w(name + ".weight") + w(name + ".bias")

    def conv(x, name):
        return x @ w(name + ".weight") + w(name + ".bias")

    T = len(ids)
    x = np.asarray(weights["wte.weight"][ids], float) + w("wpe.weight")[:T]
    d = x.shape[1]
    size = d // heads
    hidden, attention = [], []
    for layer in range(config["n_layer"]):
        hidden.append(x)
        at = f"h.{layer}."
        q, k, v = np.split(conv(norm(x, at + "ln_1"), at + "attn.c_attn"), 3, axis=1)
        mixed, patterns = np.zeros((T, d)), np.zeros((heads, T, T))
        for h in range(heads):
            part = slice(h * size, (h + 1) * size)
            for t in range(T):  # each query by itself sees itself and what came before
                scores = k[:t + 1, part] @ q[t, part] / math.sqrt(size)
                e = np.exp(scores - scores.max())
                patterns[h, t, :t + 1] = e / e.sum()
            mixed[:, part] = patterns[h] @ v[:, part]
        attention.append(patterns)
        x = x + conv(mixed, at + "attn.c_proj")
        x = x + conv(act(conv(norm(x, at + "ln_2"), at + "mlp.c_fc")), at + "mlp.c_proj")
    head = weights["lm_head.weight"] if "lm_head.weight" in weights else weights["wte.weight"]
    logits = norm(x, "ln_f") @ np.asarray(head, float).T
    return logits, hidden, attention


def weights_of(config, rng, scale):
    d, n = config["n_embd"], config.get("n_inner") or 4 * config["n_embd"]
    normal = lambda *s: rng.standard_normal(s, dtype=np.float32) * np.float32(scale)
    w = {"wte.weight": normal(config["vocab_size"], d), "wpe.weight": normal(config["n_positions"], d)}
    for name in [f"h.{i}.ln_{j}" for i in range(config["n_layer"]) for j in (1, 2)] + ["ln_f"]:
        w[name + ".weight"], w[name + ".bias"] = 1 + normal(d), normal(d)
    for i in range(config["n_layer"]):
        for name, a, b in [("attn.c_attn", d, 3 * d), ("attn.c_proj", d, d), ("mlp.c_fc", d, n), ("mlp.c_proj", n, d)]:
            w[f"h.{i}.{name}.weight"], w[f"h.{i}.{name}.bias"] = normal(a, b), normal(b)
    if not config.get("tie_word_embeddings", True):
        w["lm_head.weight"] = normal(config["vocab_size"], d)
    return w


def config_of(vocab, length, d, layers, heads, **more):
    return {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": vocab, "n_positions": length,
            "n_embd": d, "n_layer": layers, "n_head": heads, "n_inner": None, "activation_function": "gelu_new",
            "layer_norm_epsilon": 1e-5, "tie_word_embeddings": True, **more}


def reference(folder, everything, rows, length, seed):
    """Logits of random token ids, from the numbers as they are stored; with hidden states and attention if wanted."""
    config, weights = load(folder)
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, config["vocab_size"], (rows, length))
    runs = [forward(config, weights, row) for row in ids]
    tensors = {"input_ids": ids, "logits": np.stack([run[0] for run in runs])}
    if everything:
        for layer in range(config["n_layer"]):
            tensors[f"hidden_states.{layer}"] = np.stack([run[1][layer] for run in runs])
            tensors[f"attention.{layer}"] = np.stack([run[2][layer] for run in runs])
    write(folder / "reference.safetensors", tensors, {name: "F64" for name in tensors if name != "input_ids"} if everything else None)


def goldens(root):
    """Five shapes, each stored in another of the forms that model directories have."""
    shapes = {
        "plain": (config_of(11, 8, 8, 1, 1), 0.6),
        "prefixed": (config_of(23, 12, 12, 2, 3, n_inner=20), 0.4),
        "untied": (config_of(17, 7, 16, 3, 4, tie_word_embeddings=False, layer_norm_epsilon=1e-3, activation_function="gelu"), 0.3),
        "half": (config_of(31, 16, 24, 2, 2), 0.25),
        "sharded": (config_of(40, 10, 20, 4, 5, activation_function="relu"), 0.3),
    }
    for seed, (name, (config, scale)) in enumerate(shapes.items()):
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        w = weights_of(config, np.random.default_rng(seed), scale)
        if name == "prefixed":  # as written by training scripts: a prefix, and the attention's buffers
            n = config["n_positions"]
            for i in range(config["n_layer"]):
                w[f"h.{i}.attn.bias"] = np.tril(np.ones((n, n), int))[None, None]
                w[f"h.{i}.attn.masked_bias"] = np.array(-1e4)
            w = {"transformer." + key: a for key, a in w.items()}
            w["lm_head.weight"] = w["transformer.wte.weight"]
            write(folder / "model.safetensors", w, {key: "U8" for key in w if key.endswith(".attn.bias")})
        elif name == "half":
            write(folder / "model.safetensors", w, {key: ("F16", "BF16", "F32")[i % 3] for i, key in enumerate(sorted(w))})
        elif name == "sharded":
            keys = sorted(w)
            parts = [keys[:20], keys[20:35], keys[35:]]
            files = [f"model-{i + 1:05d}-of-{len(parts):05d}.safetensors" for i in range(len(parts))]
            for file, part in zip(files, parts):
                write(folder / file, {key: w[key] for key in part})
            index = {"metadata": {"total_size": sum(4 * a.size for a in w.values())},
                     "weight_map": {key: file for file, part in zip(files, parts) for key in part}}
            (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")
        else:
            write(folder / "model.safetensors", w)
        reference(folder, True, 2, config["n_positions"], 100 + seed)


def tokenizer(folder, words, size):
    """vocab.json and merges.txt of `size` tokens: every byte, what each word is merged from letter by letter, with a
    space before it last, pairs of bytes until there are enough, and end-of-text last."""
    printed = [b for b in range(256) if 32 < b < 127 or 160 < b < 256 and b != 173]
    others = [b for b in range(256) if b not in printed]
    written = {b: chr(b) for b in printed} | {b: chr(256 + at) for at, b in enumerate(others)}
    space, letters = written[32], [written[b] for b in range(256)]
    merges = {}  # token to the pair that it is merged from
    for word in words:
        for end in range(2, len(word) + 1):
            merges.setdefault(word[:end], (word[:end - 1], word[end - 1]))
        merges.setdefault(space + word, (space, word))
    for pair in ((a, b) for a in letters for b in letters):
        if len(merges) == size - 257:
            break
        merges.setdefault("".join(pair), pair)
    tokens = letters + list(merges) + ["<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: at for at, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(" ".join(pair) + "\n" for pair in merges.values()))


def main(arguments):
    root = pathlib.Path(__file__).resolve().parents[1] / "resources" / "golden" / "gpt2"
    match arguments:
        case []:
            goldens(root)
        case ["--reference", folder]:
            length = min(16, json.loads((pathlib.Path(folder) / "config.json").read_text())["n_positions"])
            reference(pathlib.Path(folder), False, 4, length, 0)
        case ["--random", folder]:
            folder = pathlib.Path(folder)
            folder.mkdir(parents=True)
            config = config_of(50257, 1024, 768, 12, 12)
            (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
            write(folder / "model.safetensors", weights_of(config, np.random.default_rng(0), 0.02))
            tokenizer(folder, "Kobe Bryant Tiger Woods plays the sport of basketball golf".split(), 50257)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
