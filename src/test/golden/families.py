"""Tiny random models of every family by transformers' own classes, with logits to compare with.

    python3 src/test/golden/families.py     # writes src/test/resources/golden/families/*, needs torch and transformers

Each folder holds config.json, model.safetensors and reference.safetensors: `input_ids [2, T]`, `logits` of transformers
in float32, `logits64` of transformers in float64 (its norms, rotations and softmax stay float32 there), and `logits_numpy`
of the forward pass below, all in float64 and written from the papers. Folders whose name ends in `_old` have the
configuration in the spelling before transformers 5.
"""

import copy
import json
import math
import pathlib

import numpy as np
import torch
import transformers
from safetensors.numpy import load_file, save_file

OUT = pathlib.Path(__file__).parents[1] / "resources/golden/families"
LENGTH, TOKENS, WIDTH = 24, 19, 16


def randomise(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            noise = torch.randn(p.shape, generator=generator)
            norm = p.ndim == 1 and name.endswith("weight")
            p.copy_(1 + 0.2 * noise if norm else 0.4 * noise)
    return model.eval()


def logits(model, ids):
    with torch.no_grad():
        return model(ids).logits.numpy()


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def erf(x):
    return np.vectorize(math.erf)(x)


ACTIVATIONS = {
    "silu": lambda x: x / (1 + np.exp(-x)),
    "gelu": lambda x: x * (1 + erf(x / math.sqrt(2))) / 2,
    "gelu_new": lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3))) / 2,
}


def frequencies(base, n, scaling):
    """Radians a position of each of n / 2 pairs, and what cosines are multiplied by."""
    f = base ** (-np.arange(0, n, 2) / n)
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind == "linear":
        return f / scaling["factor"], 1
    if kind == "llama3":
        old, low, high = (scaling[k] for k in ("original_max_position_embeddings", "low_freq_factor", "high_freq_factor"))
        wave = 2 * np.pi / f
        part = np.clip((old / wave - low) / (high - low), 0, 1)
        return (1 - part) * f / scaling["factor"] + part * f, 1
    if kind == "yarn":
        old = scaling["original_max_position_embeddings"]
        at = lambda turns: n * math.log(old / (turns * 2 * math.pi)) / (2 * math.log(base))
        low, high = max(math.floor(at(32)), 0), min(math.ceil(at(1)), n - 1)
        ramp = np.clip((np.arange(n // 2) - low) / (high - low), 0, 1)
        return f / scaling["factor"] * ramp + f * (1 - ramp), 0.1 * math.log(scaling["factor"]) + 1
    return f, 1


def rotated(x, f, scale):
    """x [B, H, T, n]: pair i is numbers i and i + pairs."""
    angle = np.arange(x.shape[2])[:, None] * f
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    p = len(f)
    a, b, rest = x[..., :p], x[..., p:2 * p], x[..., 2 * p:]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin, rest], -1)


def forward(ids, w, c):
    """Logits of a decoder described by c."""
    w = {k: v.astype("f8") for k, v in w.items()}
    eps = c["eps"]

    def norm(x, name):
        if c["rms"]:
            return x / np.sqrt((x ** 2).mean(-1, keepdims=True) + eps) * w[name + ".weight"]
        d = x - x.mean(-1, keepdims=True)
        return d / np.sqrt((d ** 2).mean(-1, keepdims=True) + eps) * w[name + ".weight"] + w[name + ".bias"]

    def linear(x, name):
        y = x @ w[name + ".weight"].T
        return y + w[name + ".bias"] if name + ".bias" in w else y

    def heads(x, n):
        return x.reshape(*x.shape[:2], n, -1).transpose(0, 2, 1, 3)

    act, B, T = ACTIVATIONS[c["act"]], *ids.shape
    x = w[c["embed"] + ".weight"][ids]
    if "positions" in c:
        x = x + w[c["positions"] + ".weight"][:T]
    f, scale = frequencies(c["base"], c["turned"], c["scaling"]) if c["turned"] else (None, 1)
    i, j = np.arange(T)[:, None], np.arange(T)
    for n in range(c["layers"]):
        p = {k: v.format(n) for k, v in c["names"].items()}
        h = norm(x, p["ln1"])
        H, K = c["heads"], c["kv"]
        if "qkv" in p:
            qkv = linear(h, p["qkv"]).reshape(B, T, H, 3, -1)
            q, k, v = (qkv[:, :, :, a].transpose(0, 2, 1, 3) for a in range(3))
        else:
            q, k, v = (heads(linear(h, p[a]), b) for a, b in (("q", H), ("k", K), ("v", K)))
        if "qn" in p:
            q, k = norm(q, p["qn"]), norm(k, p["kn"])
        if c["turned"] and n not in c.get("unturned", ()):
            q, k = rotated(q, f, scale), rotated(k, f, scale)
        k, v = np.repeat(k, H // K, 1), np.repeat(v, H // K, 1)
        window = c.get("windows", {}).get(n, T)
        s = q @ k.transpose(0, 1, 3, 2) * c.get("scale", 1 / math.sqrt(q.shape[-1]))
        s = np.where((j <= i) & (i - j < window), s, -np.inf)
        a = linear((softmax(s) @ v).transpose(0, 2, 1, 3).reshape(B, T, -1), p["o"])
        h = norm(x if c.get("parallel") else x + a, p["ln2"])
        m = act(linear(h, p["gate"])) * linear(h, p["up"]) if "gate" in p else act(linear(h, p["up"]))
        x = x + a + linear(m, p["down"])
    x = norm(x, c["norm"])
    return x @ w[c["head"] + ".weight" if c["head"] + ".weight" in w else c["embed"] + ".weight"].T


LLAMA_NAMES = {
    "ln1": "model.layers.{}.input_layernorm", "ln2": "model.layers.{}.post_attention_layernorm",
    **{a: "model.layers.{}.self_attn." + a + "_proj" for a in "qkvo"},
    **{a: "model.layers.{}.mlp." + a + "_proj" for a in ("gate", "up", "down")},
}
SIMPLE_NAMES = {
    "ln1": "h.{}.rms_1", "ln2": "h.{}.rms_2", **{a: "h.{}.attn." + a + "_proj" for a in "qkvo"},
    **{a: "h.{}.mlp." + a + "_proj" for a in ("gate", "up", "down")},
}
NEOX_NAMES = {
    "ln1": "gpt_neox.layers.{}.input_layernorm", "ln2": "gpt_neox.layers.{}.post_attention_layernorm",
    "qkv": "gpt_neox.layers.{}.attention.query_key_value", "o": "gpt_neox.layers.{}.attention.dense",
    "up": "gpt_neox.layers.{}.mlp.dense_h_to_4h", "down": "gpt_neox.layers.{}.mlp.dense_4h_to_h",
}
NEO_NAMES = {
    "ln1": "transformer.h.{}.ln_1", "ln2": "transformer.h.{}.ln_2",
    **{a: "transformer.h.{}.attn.attention." + a + "_proj" for a in "qkv"},
    "o": "transformer.h.{}.attn.attention.out_proj",
    "up": "transformer.h.{}.mlp.c_fc", "down": "transformer.h.{}.mlp.c_proj",
}


def llama_like(c, rope, names=None, **more):
    return {"rms": True, "act": "silu", "eps": c["rms_norm_eps"], "embed": "model.embed_tokens", "norm": "model.norm",
            "head": "lm_head", "layers": c["num_hidden_layers"], "heads": c["num_attention_heads"],
            "kv": c["num_key_value_heads"], "turned": c["head_dim"], "base": rope["rope_theta"], "scaling": rope,
            "names": names or LLAMA_NAMES, **more}


def write(name, model, describe, seed, edit=None, rename=None):
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    randomise(model, seed)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    config = json.loads((folder / "config.json").read_text())
    ids = torch.randint(0, TOKENS, (2, 14), generator=torch.Generator().manual_seed(seed))
    found = {"input_ids": ids.numpy(), "logits": logits(model, ids),
             "logits64": logits(copy.deepcopy(model).double(), ids)}
    weights = load_file(folder / "model.safetensors")
    if rename:
        weights = {rename(k): v for k, v in weights.items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    found["logits_numpy"] = forward(ids.numpy(), weights, describe(config))
    save_file(found, folder / "reference.safetensors")
    if edit:
        config = edit(config)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    gap = np.abs(found["logits64"] - found["logits_numpy"]).max() / np.abs(found["logits64"]).max()
    sizes = [p.stat().st_size for p in folder.iterdir()]
    print(f"{name:16} numpy beside transformers {gap:.1e}, {sum(sizes)} bytes")
    assert gap < 1e-6 and max(sizes) <= 200_000


def old(config):
    """The spelling before transformers 5."""
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    kind = rope.pop("rope_type")
    partial = rope.pop("partial_rotary_factor", None)
    config["rope_scaling"] = None if kind == "default" else {"type": kind, **rope}
    if config["model_type"] == "gpt_neox":
        config["rotary_pct"], config["rotary_emb_base"] = partial, config.pop("rope_theta")
    config["torch_dtype"] = config.pop("dtype")
    config["bos_token_id"] = 50256
    return config


COMMON = dict(vocab_size=TOKENS, hidden_size=WIDTH, max_position_embeddings=LENGTH, num_hidden_layers=2,
              attn_implementation="eager", bos_token_id=1, eos_token_id=1, pad_token_id=None)
LLAMA = dict(COMMON, num_attention_heads=4, num_key_value_heads=2, intermediate_size=20, head_dim=4)
T = transformers


def rope(kind="default", theta=10000.0, **more):
    return {"rope_type": kind, "rope_theta": theta, **more}


def simple(kind, config):
    return {"model_type": kind, "vocab_size": TOKENS, "n_ctx": LENGTH, "n_embd": WIDTH, "n_layer": 2, "n_head": 4,
            "n_key_value_heads": 2, "n_intermediate": 20, "use_grouped_query_attention": True,
            "rotary_adjacent_pairs": False, "rotary_dim": 128, "rotary_base": 10000, "attn_bias": False, "mlp_bias": False,
            "rms_norm_eps": config["rms_norm_eps"]}


class TwoLayers(torch.nn.Module):
    """The MLP of LlamaSimpleMLP."""

    def __init__(self):
        super().__init__()
        self.c_fc = torch.nn.Linear(WIDTH, 20, bias=False)
        self.down_proj = torch.nn.Linear(20, WIDTH, bias=False)

    def forward(self, x):
        return self.down_proj(torch.nn.functional.gelu(self.c_fc(x), approximate="tanh"))


def simple_name(name):
    for a, b in (("model.embed_tokens", "wte"), ("model.layers", "h"), ("input_layernorm", "rms_1"),
                 ("post_attention_layernorm", "rms_2"), ("self_attn", "attn"), ("model.norm", "ln_f")):
        name = name.replace(a, b)
    return name


def main():
    write("llama", T.LlamaForCausalLM(T.LlamaConfig(**LLAMA, rope_parameters=rope(theta=100.0))),
          lambda c: llama_like(c, c["rope_parameters"]), 1)
    more = dict(LLAMA, head_dim=6, attention_bias=True, mlp_bias=True, tie_word_embeddings=True)
    write("llama_old", T.LlamaForCausalLM(T.LlamaConfig(**more, rope_parameters=rope("linear", factor=2.5))),
          lambda c: llama_like(c, c["rope_parameters"]), 2, old)
    llama3 = rope("llama3", 50.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=40)
    write("llama3", T.LlamaForCausalLM(T.LlamaConfig(**dict(LLAMA, head_dim=12), rope_parameters=llama3)),
          lambda c: llama_like(c, c["rope_parameters"]), 3)
    yarn = rope("yarn", 50.0, factor=4.0, original_max_position_embeddings=60)
    write("yarn_old", T.LlamaForCausalLM(T.LlamaConfig(**dict(LLAMA, head_dim=16), rope_parameters=yarn)),
          lambda c: llama_like(c, c["rope_parameters"]), 4, old)
    more = dict(LLAMA, num_hidden_layers=4, tie_word_embeddings=True)
    more.pop("head_dim")
    write("smollm3", T.SmolLM3ForCausalLM(T.SmolLM3Config(**more, rope_parameters=rope(theta=100.0), no_rope_layers=[1, 0, 1, 1])),
          lambda c: llama_like({**c, "head_dim": 4}, c["rope_parameters"], unturned=(1,)), 5)
    write("mistral", T.MistralForCausalLM(T.MistralConfig(**LLAMA, sliding_window=None, rope_parameters=rope(theta=100.0))),
          lambda c: llama_like(c, c["rope_parameters"]), 6)
    write("mistral_window", T.MistralForCausalLM(T.MistralConfig(**LLAMA, sliding_window=4, rope_parameters=rope(theta=100.0))),
          lambda c: llama_like(c, c["rope_parameters"], windows={0: 4, 1: 4}), 7)
    more = dict(LLAMA, tie_word_embeddings=True)
    more.pop("head_dim")
    write("qwen2_old", T.Qwen2ForCausalLM(T.Qwen2Config(**more, rope_parameters=rope(theta=100.0))),
          lambda c: llama_like({**c, "head_dim": 4}, c["rope_parameters"]), 8, old)
    write("qwen3", T.Qwen3ForCausalLM(T.Qwen3Config(**dict(LLAMA, head_dim=8), rope_parameters=rope(theta=100.0))),
          lambda c: llama_like(c, c["rope_parameters"], {
              **LLAMA_NAMES, "qn": "model.layers.{}.self_attn.q_norm", "kn": "model.layers.{}.self_attn.k_norm"}), 9)
    for name, parallel, edit in (("gpt_neox", True, None), ("gpt_neox_old", False, old)):
        write(name, T.GPTNeoXForCausalLM(T.GPTNeoXConfig(
                  **COMMON, num_attention_heads=2, intermediate_size=24, use_parallel_residual=parallel,
                  rope_parameters=rope(theta=100.0, partial_rotary_factor=0.5 if parallel else 0.25))),
              lambda c: {"rms": False, "act": "gelu", "eps": c["layer_norm_eps"], "embed": "gpt_neox.embed_in",
                         "norm": "gpt_neox.final_layer_norm", "head": "embed_out", "layers": 2, "heads": 2, "kv": 2,
                         "turned": int(8 * c["rope_parameters"]["partial_rotary_factor"]),
                         "base": 100.0, "scaling": {}, "parallel": c["use_parallel_residual"], "names": NEOX_NAMES},
              10 + parallel, edit)
    common = {k: v for k, v in COMMON.items() if k != "num_hidden_layers"}
    write("gpt_neo", T.GPTNeoForCausalLM(T.GPTNeoConfig(
              **common, num_layers=2, num_heads=4, intermediate_size=24, window_size=5,
              attention_types=[[["global", "local"], 1]], resid_dropout=0.0, embed_dropout=0.0, attention_dropout=0.0)),
          lambda c: {"rms": False, "act": "gelu_new", "eps": c["layer_norm_epsilon"], "embed": "transformer.wte",
                     "positions": "transformer.wpe", "norm": "transformer.ln_f", "head": "lm_head", "layers": 2, "heads": 4,
                     "kv": 4, "turned": 0, "scale": 1, "windows": {1: 5}, "names": NEO_NAMES}, 12)
    tied = dict(LLAMA, tie_word_embeddings=True)
    describe = lambda names, **more: lambda c: llama_like(c, c["rope_parameters"], names, embed="wte", norm="ln_f", **more)
    write("llama_simple", T.LlamaForCausalLM(T.LlamaConfig(**tied, rope_parameters=rope())), describe(SIMPLE_NAMES), 13,
          lambda c: simple("LlamaSimple", c), simple_name)
    model = T.LlamaForCausalLM(T.LlamaConfig(**tied, rope_parameters=rope()))
    for layer in model.model.layers:
        layer.mlp = TwoLayers()
    names = {**SIMPLE_NAMES, "up": "h.{}.mlp.c_fc"}
    names.pop("gate")
    write("llama_simple_mlp", model, describe(names, act="gelu_new"), 14, lambda c: simple("LlamaSimpleMLP", c), simple_name)


main()
