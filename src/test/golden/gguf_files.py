"""GGUF files as llama.cpp's converter writes them, and what is in them, by the `gguf` and `transformers` packages.

    python3 src/test/golden/gguf_files.py  # needs gguf, numpy, torch, transformers, safetensors; a few seconds

Writes src/test/resources/golden/gguf/:
  blocks.gguf, blocks.safetensors: two rows of each kind of block, random bytes, and the numbers that `gguf` makes of them;
  ARCHITECTURE.gguf, ARCHITECTURE.safetensors, ARCHITECTURE.json: a tiny model of transformers' own class with random
    weights, its state dict and its configuration;
  tokens-PRE.gguf, tokens-PRE.json: a tokenizer of few merges as settings of a GGUF file, and the tokens of some lines by the
    `tokenizers` package from the tokenizer.json that it was made from.
"""

import json
import pathlib
import shutil
import tempfile

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUT = pathlib.Path(__file__).parent.parent / "resources" / "golden" / "gguf"
KINDS = [Kind.F32, Kind.F16, Kind.BF16, Kind.Q8_0, Kind.Q4_0, Kind.Q4_1, Kind.Q5_0, Kind.Q5_1,
         Kind.Q2_K, Kind.Q3_K, Kind.Q4_K, Kind.Q5_K, Kind.Q6_K]
# Where the half precision numbers of a block lie, which must be finite.
HALVES = {Kind.Q8_0: [0], Kind.Q4_0: [0], Kind.Q4_1: [0, 2], Kind.Q5_0: [0], Kind.Q5_1: [0, 2], Kind.Q2_K: [80, 82],
          Kind.Q3_K: [108], Kind.Q4_K: [0, 2], Kind.Q5_K: [0, 2], Kind.Q6_K: [208]}


def blocks():
    draw = np.random.default_rng(1)
    writer = gguf.GGUFWriter(OUT / "blocks.gguf", "llama")
    numbers = {}
    for kind in KINDS:
        size, width = gguf.GGML_QUANT_SIZES[kind]
        row = 256 if size > 1 else 5
        if kind in HALVES:
            raw = draw.integers(0, 256, (2, row // size, width), dtype=np.uint8)
            for at in HALVES[kind]:
                raw[:, :, at:at + 2] = draw.normal(size=(2, row // size, 1)).astype("<f2").view(np.uint8)
            raw = raw.reshape(2, -1)
        else:
            raw = gguf.quantize(draw.normal(size=(2, row)).astype("<f4"), kind)
        numbers[kind.name] = torch.from_numpy(gguf.dequantize(raw, kind).astype("<f4").reshape(2, row).copy())
        writer.add_tensor(kind.name, raw, raw_dtype=kind)
    finish(writer)
    save_file(numbers, OUT / "blocks.safetensors")


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def permuted(weight, heads):
    """llama.cpp's order of the rows of q and k, in which the two halves of a head alternate."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def model(name, architecture, made, config):
    torch.manual_seed(3)
    network = made(config).float()
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.randn_like(weight))  # norms and biases too
    state = {key: weight for key, weight in network.state_dict().items()
             if not key.endswith((".attn.bias", ".attn.masked_bias", "rotary_emb.inv_freq"))}
    tied = config.tie_word_embeddings
    if tied:
        state = {key: weight for key, weight in state.items() if key not in ("lm_head.weight", "embed_out.weight")}
    if architecture == "gptneox":  # as in every file on the hub; transformers 5 renames it in memory
        state = {key.replace("lm_head", "embed_out"): weight for key, weight in state.items()}
    layers = config.num_hidden_layers
    heads = config.num_attention_heads
    writer = gguf.GGUFWriter(OUT / f"{name}.gguf", architecture)
    writer.add_block_count(layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_head_count(heads)
    inner = config.n_inner or 4 * config.hidden_size if architecture == "gpt2" else config.intermediate_size
    writer.add_feed_forward_length(inner)
    if architecture in ("gpt2", "gptneox"):
        writer.add_layer_norm_eps(getattr(config, "layer_norm_epsilon", None) or config.layer_norm_eps)
    else:
        writer.add_head_count_kv(config.num_key_value_heads)
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
        writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
        size = config.head_dim if getattr(config, "head_dim", None) else config.hidden_size // heads
        if architecture == "qwen3":
            writer.add_key_length(size)
            writer.add_value_length(size)
        if architecture == "llama":
            writer.add_rope_dimension_count(size)
            writer.add_vocab_size(config.vocab_size)
    if architecture == "gptneox":
        share = config.rope_parameters["partial_rotary_factor"]
        writer.add_rope_dimension_count(int(share * (config.hidden_size // heads)))
        writer.add_parallel_residual(config.use_parallel_residual)
    names = gguf.get_tensor_name_map(next(k for k, v in gguf.MODEL_ARCH_NAMES.items() if v == architecture), layers)
    for key, weight in state.items():
        a = weight.numpy()
        if architecture == "llama" and ".q_proj." in key:
            a = permuted(a, heads)
        if architecture == "llama" and ".k_proj." in key:
            a = permuted(a, config.num_key_value_heads)
        if architecture == "gpt2" and key.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
            a = a.T
        if ".query_key_value." in key:  # a head's q, k and v together become all heads' q, then all k, then all v
            a = a.reshape(heads, 3, -1, *a.shape[1:]).swapaxes(0, 1).reshape(a.shape)
        stored = names.get_name(key, try_suffixes=(".weight", ".bias"))
        writer.add_tensor(stored, np.ascontiguousarray(a))
    finish(writer)
    save_file({key: weight.contiguous() for key, weight in state.items()}, OUT / f"{name}.safetensors")
    (OUT / f"{name}.json").write_text(json.dumps(config.to_diff_dict(), indent=1, sort_keys=True) + "\n")


def tiny():
    import transformers as t
    small = dict(vocab_size=23, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
                 max_position_embeddings=32)
    model("llama", "llama", t.LlamaForCausalLM, t.LlamaConfig(
        **small, num_key_value_heads=2, tie_word_embeddings=True, rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 5e4}))
    model("qwen2", "qwen2", t.Qwen2ForCausalLM, t.Qwen2Config(
        **small, num_key_value_heads=2, tie_word_embeddings=False, rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6}))
    model("qwen3", "qwen3", t.Qwen3ForCausalLM, t.Qwen3Config(
        **small, num_key_value_heads=2, head_dim=8, tie_word_embeddings=True, rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6}))
    model("gpt2", "gpt2", t.GPT2LMHeadModel, t.GPT2Config(
        vocab_size=23, n_positions=32, n_embd=16, n_layer=2, n_head=4))
    model("gptneox", "gptneox", t.GPTNeoXForCausalLM, t.GPTNeoXConfig(
        **small, tie_word_embeddings=False, use_parallel_residual=False,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}))


LLAMA = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
         r"|\s+(?!\S)|\s+")
QWEN = LLAMA.replace(r"\p{N}{1,3}", r"\p{N}")
TEXT = ["The quick brown fox jumps over the lazy dog.", "It's 1234567 o'clock, isn't it? WE'LL see: they'Ve gone.",
        "def f(x):\n    return x ** 2\n\n\n", "naïve café — 10½ €, ÅÅ Å Ωμέγα Привет 你好 🙂", "  leading and trailing  ",
        "tabs\tand\r\nlines\n", "a <|end|> b<|tool|>c", "", "1 22 333 4444 ٣٤٥ ⅷ"]


def split(pattern):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def tokenizers():
    whole = pre_tokenizers.ByteLevel(add_prefix_space=False)
    for pre, first, begins in [
            ("gpt-2", whole, False), ("default", whole, False), ("llama-bpe", split(LLAMA), True),
            ("qwen2", split(QWEN), False),
            ("smollm", pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), whole]), False)]:
        original = Tokenizer(models.BPE(ignore_merges=pre == "llama-bpe"))
        original.pre_tokenizer = first
        original.decoder = decoders.ByteLevel()
        if pre == "qwen2":
            original.normalizer = normalizers.NFC()
        special = ["<|begin|>", "<|end|>"]
        original.train_from_iterator(TEXT * 3, trainers.BpeTrainer(
            vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False))
        original.add_tokens([AddedToken("<|tool|>", normalized=False)])
        if begins:
            original.post_processor = processors.TemplateProcessing(
                single="<|begin|> $A", special_tokens=[("<|begin|>", 0)])
        contents = json.loads(original.to_str())
        tokens = sorted(original.get_vocab().items(), key=lambda entry: entry[1])
        assert [at for _, at in tokens] == list(range(len(tokens)))
        kinds = [3 if token in special else 4 if token == "<|tool|>" else 1 for token, _ in tokens]
        writer = gguf.GGUFWriter(OUT / f"tokens-{pre}.gguf", "llama")
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre)
        writer.add_token_list([token for token, _ in tokens])
        writer.add_token_types(kinds)
        writer.add_token_merges([" ".join(merge) for merge in contents["model"]["merges"]])
        writer.add_bos_token_id(0)
        writer.add_eos_token_id(1)
        finish(writer)
        lines = [{"text": text, "ids": original.encode(text).ids} for text in TEXT]
        (OUT / f"tokens-{pre}.json").write_text(json.dumps(lines, indent=1) + "\n")


def checked():
    """transformers' own reading of the files gives the same weights, where it knows the architecture."""
    import transformers as t
    for name in ["llama", "qwen2", "qwen3", "gpt2"]:
        from safetensors.torch import load_file
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(OUT / f"{name}.gguf", folder)
            config = t.AutoConfig.for_model(**json.loads((OUT / f"{name}.json").read_text()))
            read = t.AutoModelForCausalLM.from_pretrained(folder, gguf_file=f"{name}.gguf", config=config).state_dict()
        for key, weight in load_file(OUT / f"{name}.safetensors").items():
            assert torch.equal(read[key], weight), (name, key)
        print(f"{name}: as transformers reads it")


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    blocks()
    tiny()
    tokenizers()
    for file in OUT.iterdir():
        file.chmod(0o644)
    checked()
