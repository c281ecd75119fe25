"""Small tokenizers of every kind, trained here by Hugging Face's own library, and the tokens it makes of 1,000 lines.

    python3 src/test/golden/tokenizers_reference.py   # needs the package tokenizers; a minute

Writes src/test/resources/golden/tokenizers/: lines.json.gz (the lines), and for each tokenizer NAME.json (the
tokenizer.json) and NAME.ids.json.gz: for every line the tokens with special tokens read as text ("text"), with special
tokens read as such ("special"), each with the tokens that the tokenizer puts before and after a text; the spans of the
latter in code points ("spans"); and what the tokens of the former decode to ("decoded").
"""

import gzip
import json
import pathlib
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUT = pathlib.Path(__file__).parent.parent / "resources" / "golden" / "tokenizers"
LINES = 1000
SPECIAL = ["<|endoftext|>", "<s>", "</s>", "<unk>", "[UNK]", "[EOS]", "<|im_start|>"]
PIECES = [
    "Kobe Bryant plays the sport of", " basketball", "The", " quick", "brown", "fox", "jumps", " over the lazy dog",
    "Once upon a time", " there was a girl", "named Lily.", "He said,", '"Hello!"', " ", "  ", "   ", " " * 7, " " * 16,
    " " * 40, "\t", "\t\t", "\n", "\r\n", "\n\n\n", "\u00a0", "\u2003", "\u0085", "\u2028", "0", "1234567890", "3.14159",
    "-17", "1e-5", "²", "½", "٣", "Ⅷ", "don't", "I'll", "we're", "they've", "I'm", "he'd", "it's", "IT'S", "O'Neil",
    "naïve", "Ünïcödé", "straße", "ẞ", "ﬁ", "Å", "A\u030a", "ελληνικά", "ΣΊΣΥΦΟΣ", "русский", "Ёлка", "日本語",
    "東京", "カタカナ", "ひらがな", "한국어", "עברית", "العربية", "हिन्दी", "ไทย", "தமிழ்", "ქართული", "አማርኛ", "ខ្មែរ", "İstanbul",
    "ıI", "e\u0301", "\u200d", "\ufeff", "\u200b", "\u202e", "😀", "👩‍👩‍👧‍👦", "🇫🇷", "👍🏽", "❤️", "𝔘𝔫𝔦", "𐍈", "∑∫√",
    "—", "…", "“quoted”", "!!!", "?!", "()[]{}", "<b>", "</b>", "&amp;", "#hash", "@name",
    "https://example.org/a?b=c&d=%20", "a_b_c", "camelCase", "x=y;", "/* c */", "\\n", '"', "`code`", "~", "^", "|", "$100",
    "€5", "100%", "\u0000", "\u0001", "\u0007", "\u001b[0m", "\u007f", "\ufffd", "\uffff", "a" * 24, "ab" * 9,
] + SPECIAL


def lines():
    rng = random.Random(24)
    found = ["", " ", "a", " a", "\u0000", "😀", "<|endoftext|>"]
    while len(found) < LINES:
        line = ""
        for _ in range(rng.randint(1, 9)):
            line += rng.choice(PIECES) + (" " if rng.random() < 0.5 else "")
        found.append(line)
    return found


def byte_level(ignore_merges=False, use_regex=True, split=None, post=None, added=(), normalizer=None):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    parts = [pre_tokenizers.Split(Regex(split), "isolated")] if split else []
    parts.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex))
    tokenizer.pre_tokenizer = parts[0] if len(parts) == 1 else pre_tokenizers.Sequence(parts)
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(vocab_size=700, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
                                  special_tokens=["<|endoftext|>", "<s>"], show_progress=False)
    return tokenizer, trainer, post, added


LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")


def bos(tokenizer):
    return processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))])


def kinds():
    yield "bytes", byte_level()
    yield "bytes-ignore-merges", byte_level(ignore_merges=True, use_regex=False, split=LLAMA3, post=bos)
    yield "bytes-no-regex", byte_level(use_regex=False, split=r"\d| ?\p{L}+|\s+|[^\s\p{L}]+")
    # NeoX: runs of spaces are tokens that stand for themselves, after the vocabulary
    yield "bytes-spaces", byte_level(
        added=[AddedToken(" " * n, normalized=True, special=False) for n in range(8, 1, -1)]
        + [AddedToken("<|im_start|>", special=True), AddedToken("<|plain|>", special=False)],
        normalizer=normalizers.NFC())

    words = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    words.normalizer = normalizers.Sequence(
        [normalizers.Lowercase(), normalizers.Replace("``", '"'), normalizers.Replace("''", '"')])
    words.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation("isolated"), pre_tokenizers.Digits(individual_digits=True)])
    words.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    yield "word-piece", (
        words,
        trainers.WordPieceTrainer(vocab_size=800, special_tokens=["[UNK]", "[EOS]"], show_progress=False),
        lambda t: processors.TemplateProcessing(single="$A [EOS]", special_tokens=[("[EOS]", t.token_to_id("[EOS]"))]), ())

    pieces = Tokenizer(models.Unigram())
    pieces.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    pieces.pre_tokenizer = pre_tokenizers.Metaspace()
    pieces.decoder = decoders.Metaspace()
    yield "unigram", (
        pieces,
        trainers.UnigramTrainer(vocab_size=700, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>",
                                show_progress=False),
        lambda t: processors.TemplateProcessing(
            single="<s> $A </s>", special_tokens=[("<s>", t.token_to_id("<s>")), ("</s>", t.token_to_id("</s>"))]), ())

    fallback = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    fallback.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    fallback.decoder = decoders.Sequence([
        decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    yield "byte-fallback", (
        fallback,
        trainers.BpeTrainer(vocab_size=800, limit_alphabet=90, show_progress=False,
                            special_tokens=["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]),
        bos, ())


def write(path, data):
    raw = json.dumps(data, ensure_ascii=True, separators=(",", ":")).encode()
    path.write_bytes(gzip.compress(raw, 9, mtime=0))


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    texts = lines()
    write(OUT / "lines.json.gz", texts)
    plain = [t for t in texts if not any(s in t for s in SPECIAL)]
    for name, (tokenizer, trainer, post, added) in kinds():
        tokenizer.train_from_iterator(plain, trainer)
        if name == "byte-fallback":  # those bytes are tokens like others
            data = json.loads(tokenizer.to_str())
            data["added_tokens"] = [t for t in data["added_tokens"] if not t["content"].startswith("<0x")]
            tokenizer = Tokenizer.from_str(json.dumps(data))
        for token in added:
            tokenizer.add_special_tokens([token]) if token.special else tokenizer.add_tokens([token])
        if post:
            tokenizer.post_processor = post(tokenizer)
        (OUT / f"{name}.json").write_text(tokenizer.to_str(), encoding="utf-8")
        tokenizer = Tokenizer.from_file(str(OUT / f"{name}.json"))
        found = {"special": [], "spans": [], "mask": []}
        for text in texts:
            encoding = tokenizer.encode(text)
            found["special"].append(encoding.ids)
            found["spans"].append([at for span in encoding.offsets for at in span])
            found["mask"].append(encoding.special_tokens_mask)
        tokenizer.encode_special_tokens = True
        found["text"] = [tokenizer.encode(text).ids for text in texts]
        found["decoded"] = [
            tokenizer.decode(tokenizer.encode(text, add_special_tokens=False).ids, skip_special_tokens=False)
            for text in texts]
        write(OUT / f"{name}.ids.json.gz", found)
        print(name, tokenizer.get_vocab_size(), sum(map(len, found["text"])),
              sum(a != b for a, b in zip(found["special"], found["text"])),
              sum(a == b for a, b in zip(found["decoded"], texts)))


if __name__ == "__main__":
    main()
