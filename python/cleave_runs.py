"""Opens runs of Cleave in Python: subcomponents, importances and harvests as numpy arrays, and, with
PyTorch, a transformers model whose subcomponents can be switched.

One file to copy; it needs numpy and safetensors, and torch only for `Switched`.

    import cleave_runs
    run = cleave_runs.open_run("models/facts-gpt2-decomposed")
    site = run["h.0.mlp.c_fc"]
    site.V, site.U, site.indices          # [d_in, C], [C, d_out], the numbers that Cleave gives them
    lower, upper = run.importances({"h.0.mlp.c_fc": activation})["h.0.mlp.c_fc"]

    model = transformers.AutoModelForCausalLM.from_pretrained(run.target)
    switched = cleave_runs.Switched(model, run)
    with switched.scaled({"h.0.mlp.c_fc:4": 0.0}):
        logits = model(ids).logits        # without that subcomponent, as after `cleave edit`

The letters and numbers in brackets, such as (G4), are those of Cleave's docs/reference/spec.md.
"""

import contextlib
import hashlib
import json
import math
import os
import warnings

import numpy as np
import safetensors

__all__ = ["open_run", "Run", "Site", "Harvest", "Switched"]

FORMATS = (1, 2, 3)  # of run.json that are read


class Site:
    """The subcomponents of one site: W is about (V U)^T, plus the remainder of merged ones (S1, C2).

    name       as in h.0.mlp.c_fc
    V          [d_in, C] what each reads
    U          [C, d_out] what each writes
    indices    [C] their numbers in Cleave, which count merged ones too
    original   how many there were before any was merged
    remainder  [d_out, d_in] the sum of the merged ones; None where none was merged
    gate       the parameters of its importance function, by name
    """

    def __init__(self, name, V, U, indices, original, remainder, gate):
        self.name = name
        self.V = V
        self.U = U
        self.indices = indices
        self.original = original
        self.remainder = remainder
        self.gate = gate

    def column(self, index):
        """Where the subcomponent of this number stands in V and U."""
        found = np.flatnonzero(self.indices == index)
        if len(found) != 1:
            raise KeyError(f"site {self.name} must have the subcomponent, got {index}, which is merged or none")
        return int(found[0])

    def matrix(self, index):
        """The subcomponent of this number as a matrix [d_out, d_in]."""
        c = self.column(index)
        return np.outer(self.U[c], self.V[:, c])

    def __repr__(self):
        return f"Site({self.name}: {len(self.indices)} of {self.original} subcomponents)"


class Run:
    """A run directory, or a decomposition that was exported, at its newest whole checkpoint.

    folder    the run's
    config    its config.yaml as Python values
    step      of the checkpoint
    target    folder of its own copy of the target model
    sites     Site by name, in the order of their names
    warnings  what was passed over, such as a damaged checkpoint
    """

    def __init__(self, folder, config, step, target, sites, shared, said):
        self.folder = folder
        self.config = config
        self.step = step
        self.target = target
        self.sites = sites
        self.shared = shared  # gate parameters that all sites share, of global_mlp
        self.warnings = said

    def __getitem__(self, name):
        return self.sites[name]

    def importances(self, activations):
        """The lower and upper importances (G2, G3) of sites.

        activations  for each site that is asked for, what it reads in the target's own forward, [B, T,
                     d_in]; `global_mlp` needs all sites, in the order of the network
        returns      for each site (lower, upper), each [B, T, C]; C as in the site's V

        Every position counts as valid: rows of one length, without padding.
        """
        settings = self.config["importance"]
        kind = settings["kind"]
        if kind == "global_mlp":
            before = self._global(activations)
        elif kind in _GATES:
            before = {
                name: _GATES[kind](self.sites[name], settings, _three(name, a))
                for name, a in activations.items()
            }
        else:
            raise NotImplementedError(
                f"importance must be one of {', '.join(sorted(_GATES))}, global_mlp, got {kind}: "
                "a kind of somebody's own is computed by Cleave alone"
            )
        plain = self.config.get("leak", "sign_gated") == "plain"
        return {name: _squashed(x, plain) for name, x in before.items()}

    def _global(self, activations):
        missing = [name for name in self.sites if name not in activations]
        if missing:
            raise KeyError(f"global_mlp must have the activations of all sites, got none of {missing}")
        parts = []
        for name, a in activations.items():
            a = _three(name, a)
            parts.append(a / np.sqrt((a * a).mean(-1, keepdims=True) + 1e-6))
        z = np.concatenate(parts, -1)
        shared = self.shared
        layer = 1
        while f"hidden_{layer}" in shared:
            z = _gelu(z @ shared[f"hidden_{layer}"] + shared[f"hidden_{layer}_bias"])
            layer += 1
        return {
            name: z @ self.sites[name].gate["output"] + self.sites[name].gate["output_bias"]
            for name in activations
        }

    def harvest(self, folder=None):
        """What `cleave harvest` gathered, by default in the run's own folder `harvest`."""
        return Harvest(os.path.join(self.folder, "harvest") if folder is None else folder)

    def __repr__(self):
        count = sum(len(site.indices) for site in self.sites.values())
        return f"Run({self.folder}, step {self.step}: {count} subcomponents at {len(self.sites)} sites)"


class Harvest:
    """A folder of `cleave harvest`.

    index     harvest.json: what was counted
    pieces    for each living subcomponent, by its id SITE:INDEX, the line of pieces.jsonl
    examples  the same of examples.jsonl
    """

    def __init__(self, folder):
        self.folder = folder
        index = os.path.join(folder, "harvest.json")
        if not os.path.isfile(index):
            raise FileNotFoundError(f"harvest must be finished, got none ({folder}); `cleave harvest RUN` makes one")
        with open(index, encoding="utf-8") as file:
            self.index = json.load(file)
        self.pieces = self._lines("pieces.jsonl")
        self.examples = self._lines("examples.jsonl")

    def _lines(self, name):
        # Not by splitlines(): U+0085 and U+2028 are characters of a text like any others.
        with open(os.path.join(self.folder, name), encoding="utf-8", newline="\n") as file:
            return {line["id"]: line for line in map(json.loads, file)}


def open_run(folder):
    """Opens a run directory or an exported decomposition at its newest whole checkpoint."""
    folder = os.fspath(folder)
    marker = os.path.join(folder, "run.json")
    if not os.path.isfile(marker):
        raise FileNotFoundError(f"run directory must hold run.json, got none ({folder})")
    with open(marker, encoding="utf-8") as file:
        mark = json.load(file)
    if mark.get("format") != "cleave-run" or mark.get("version") not in FORMATS:
        raise ValueError(f"run's format must be cleave-run of version {FORMATS[0]} to {FORMATS[-1]}, got {mark} ({marker})")
    with open(os.path.join(folder, "config.yaml"), encoding="utf-8") as file:
        config = _yaml(file.read())
    said = []
    step, path = _checkpoint(folder, said)
    for line in said:
        warnings.warn(line, stacklevel=2)
    sites, shared = _sites(path)
    return Run(folder, config, step, _target(folder, config), sites, shared, said)


def _checkpoint(folder, said):
    """The newest checkpoint whose digests hold."""
    root = os.path.join(folder, "checkpoints")
    steps = sorted((int(name) for name in os.listdir(root) if name.isdigit()), reverse=True)
    for step in steps:
        path = os.path.join(root, str(step), "decomposition.safetensors")
        try:
            with open(os.path.join(root, str(step), "checksums.json"), encoding="utf-8") as file:
                wanted = json.load(file)[os.path.basename(path)]
            with open(path, "rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError, KeyError) as unreadable:
            said.append(f"checkpoint {step} is damaged, trying the one before: {unreadable}")
            continue
        if found == wanted:
            return step, path
        said.append(f"checkpoint {step} is damaged, trying the one before: {path} must have sha-256 {wanted}, got {found}")
    raise FileNotFoundError(f"run must have an undamaged checkpoint, got {len(steps)} damaged ({root})")


def _target(folder, config):
    own = os.path.join(folder, "target")
    named = os.path.normpath(os.path.join(folder, str(config["target"])))
    return named if not os.path.isfile(os.path.join(own, "model.safetensors")) and os.path.isdir(named) else own


def _sites(path):
    with safetensors.safe_open(path, framework="np") as file:
        metadata = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    living = metadata.get("subcomponents") == "living"
    sites = {}
    for name in sorted(tensors):
        if not name.endswith(".U"):
            continue
        site = name[: -len(".U")]
        U = tensors[name]
        gate = {
            key[len(site) + len(".gate.") :]: value
            for key, value in tensors.items()
            if key.startswith(site + ".gate.")
        }
        alive = tensors.get(site + ".alive")
        original = int(metadata.get("subcomponents." + site, len(U)))
        indices = alive if living and alive is not None else np.arange(len(U))
        sites[site] = Site(site, tensors[site + ".V"], U, indices, original, tensors.get(site + ".remainder"), gate)
    shared = {key[len("gate.") :]: value for key, value in tensors.items() if key.startswith("gate.")}
    return sites, shared


# Importance functions. `a` is [B, T, d_in], what comes back [B, T, C] before the squashing.


def _sequence(site, settings, a):
    """One attention head, then one MLP per subcomponent (G4)."""
    gate = site.gate
    T = a.shape[1]
    if T > settings["positions"]:
        raise ValueError(f"rows must have at most the importance function's {settings['positions']} positions, got {T}")
    q = a @ gate["query"]
    k = a @ gate["key"]
    v = (a + gate["absolute"][:T]) @ gate["value"]
    offset = np.arange(T)[:, None] - np.arange(T)[None, :]
    causal = settings.get("causal", True)
    if causal:
        relative = np.where(offset >= 0, gate["relative"][np.maximum(offset, 0)], -np.inf)
    else:
        relative = gate["relative"][offset + settings["positions"] - 1]
    scores = q @ k.swapaxes(1, 2) / math.sqrt(q.shape[2]) + relative
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    seen = (weights / weights.sum(-1, keepdims=True)) @ v
    z = np.concatenate([seen, a], -1) if settings.get("own_activation", True) else seen
    return _per_subcomponent(gate, z)


def _vector_mlp(site, settings, a):
    """One MLP per subcomponent on the position's activation (G5)."""
    return _per_subcomponent(site.gate, a)


def _shared_mlp(site, settings, a):
    """One MLP for all subcomponents of a site (G5)."""
    gate = site.gate
    return _gelu(a @ gate["hidden"] + gate["hidden_bias"]) @ gate["output"] + gate["output_bias"]


def _mlp(site, settings, a):
    """One MLP per subcomponent on its own inner activation (G5)."""
    gate = site.gate
    inner = a @ site.V
    if "scale" in gate:
        inner = inner * gate["scale"]
    hidden = _gelu(inner[..., None] * gate["hidden"] + gate["hidden_bias"])
    return (hidden * gate["output"]).sum(-1) + gate["output_bias"]


_GATES = {"sequence": _sequence, "vector_mlp": _vector_mlp, "shared_mlp": _shared_mlp, "mlp": _mlp}


def _per_subcomponent(gate, z):
    C, hidden = gate["output"].shape
    inner = _gelu(z @ gate["hidden"] + gate["hidden_bias"]).reshape(*z.shape[:2], C, hidden)
    return (inner * gate["output"]).sum(-1) + gate["output_bias"]


def _gelu(x):
    """The exact GELU; numpy has no error function of its own."""
    erf = np.fromiter(map(math.erf, (x / math.sqrt(2)).ravel()), x.dtype, x.size).reshape(x.shape)
    return 0.5 * x * (1 + erf)


def _squashed(x, plain):
    lower = np.clip(x, 0, 1)
    if plain:
        lower = np.where(x < 0, 0.01 * x, lower)
    upper = np.where(x > 1, 1 + 0.01 * (x - 1), np.maximum(x, 0))
    return lower, upper


def _three(name, a):
    a = np.asarray(a)
    if a.ndim != 3:
        raise ValueError(f"activation of {name} must be [B, T, d_in], got shape {list(a.shape)}")
    return a


class Switched:
    """A transformers model whose decomposed matrices can be computed from their subcomponents.

    Nothing changes until one of the contexts below is entered, and everything is as before when it is
    left. A part of a matrix, such as h.0.attn.c_attn.q, is switched within its matrix.

    model  of transformers, with the weights that the run was made on
    run    as `open_run` gives it
    """

    def __init__(self, model, run):
        import torch

        self.torch = torch
        self.model = model
        self.run = run
        modules = dict(model.named_modules())
        self.places = {}
        for name, site in run.sites.items():
            module, first = _module(modules, name, site)
            if type(module).__name__ == "Embedding":
                raise ValueError(f"site {name} must be a matrix that is multiplied, got the token embedding; bin/cleave switches its subcomponents")
            weight = module.weight.detach()
            # transformers' Conv1D keeps [d_in, d_out], Linear [d_out, d_in].
            turned = type(module).__name__ == "Conv1D"
            inputs, outputs = weight.shape if turned else weight.shape[::-1]
            if inputs != site.V.shape[0] or first + site.U.shape[1] > outputs:
                raise ValueError(f"site {name} must fit the model's matrix, got {site.V.shape[0]} to {site.U.shape[1]} in one of {inputs} to {outputs}")
            W = weight.t() if turned else weight
            self.places[name] = _Place(module, first, W[first : first + site.U.shape[1]], site, self._tensor)

    def _tensor(self, array, like):
        return self.torch.as_tensor(np.ascontiguousarray(array), dtype=like.dtype, device=like.device)

    def activations(self, *args, **kwargs):
        """What each site reads in the model's own forward, as numpy arrays [B, T, d_in]."""
        found = {}

        def keep(name):
            def hook(module, inputs):
                found[name] = inputs[0].detach().float().cpu().numpy()

            return hook

        # They are called in this order where several parts are of one matrix.
        places = sorted(self.places.items(), key=lambda named: named[1].first)
        handles = [place.module.register_forward_pre_hook(keep(name)) for name, place in places]
        try:
            with self.torch.no_grad():
                self.model(*args, **kwargs)
        finally:
            for handle in handles:
                handle.remove()
        return found

    def importances(self, *args, **kwargs):
        """The lower importances of all sites on an input, by site [B, T, C]."""
        found = self.run.importances(self.activations(*args, **kwargs))
        return {name: lower for name, (lower, _) in found.items()}

    @contextlib.contextmanager
    def scaled(self, scales):
        """Subcomponents times a number at every position, all else as it is: what `cleave edit` writes
        (A10). Off is 0.

        scales  a number by SITE:INDEX
        """
        masks = {}
        for piece, scale in scales.items():
            name, _, index = piece.rpartition(":")
            if name not in self.places:
                raise KeyError(f"subcomponent must be SITE:INDEX of a decomposed site, got {piece}")
            site = self.run.sites[name]
            mask = masks.setdefault(name, np.ones(len(site.indices), np.float32))
            mask[site.column(int(index))] = scale
        with self.masked(masks, delta=1.0, remainder=1.0, others=True):
            yield self.model

    @contextlib.contextmanager
    def only(self, pieces):
        """Of each decomposed site only these subcomponents, without weight delta and remainder (A4).

        pieces  each as SITE:INDEX
        """
        masks = {name: np.zeros(len(site.indices), np.float32) for name, site in self.run.sites.items()}
        for piece in pieces:
            name, _, index = piece.rpartition(":")
            masks[name][self.run.sites[name].column(int(index))] = 1
        with self.masked(masks):
            yield self.model

    @contextlib.contextmanager
    def masked(self, masks, delta=0.0, remainder=0.0, others=False):
        """Masks of one's own (S2, C3): by site [C], or [B, T, C] as `importances` gives them.

        delta      how much of the weight delta stays
        remainder  the mask of the merged subcomponents
        others     whether sites without masks stay as they are; else they must have some
        """
        missing = [name for name in self.places if name not in masks]
        unknown = [name for name in masks if name not in self.places]
        if unknown or (missing and not others):
            raise KeyError(f"masks must be those of the decomposed sites, got none of {missing} and some of {unknown}")
        handles = [
            self.places[name].module.register_forward_hook(self._replacing(self.places[name], mask, delta, remainder))
            for name, mask in masks.items()
        ]
        try:
            yield self.model
        finally:
            for handle in handles:
                handle.remove()

    def _replacing(self, place, mask, delta, remainder):
        def hook(module, inputs, output):
            x = inputs[0]
            V, U, R = place.on(x)
            m = self._tensor(mask, x)
            # The output has x W^T in it: S2 takes delta of it and adds ((x V) (m - delta)) U.
            change = ((x @ V) * (m - delta)) @ U
            if delta != 1:
                change = change - (1 - delta) * (x @ place.W.t())
            if R is not None and remainder != delta:
                change = change + (remainder - delta) * (x @ R.t())
            first = place.first
            if change.shape[-1] == output.shape[-1]:
                return output + change
            changed = output.clone()
            changed[..., first : first + change.shape[-1]] += change
            return changed

        return hook


class _Place:
    """A site in a model: its module, its rows of the matrix, and its subcomponents as tensors."""

    def __init__(self, module, first, W, site, tensor):
        self.module = module
        self.first = first
        self.W = W
        self.site = site
        self.tensor = tensor

    def on(self, like):
        site = self.site
        remainder = None if site.remainder is None else self.tensor(site.remainder, like)
        return self.tensor(site.V, like), self.tensor(site.U, like), remainder


def _module(modules, name, site):
    """The module whose matrix a site is, and the first of its outputs there."""
    found = [module for path, module in modules.items() if path == name or path.endswith("." + name)]
    if len(found) == 1 and hasattr(found[0], "weight"):
        return found[0], 0
    whole, _, part = name.rpartition(".")
    if part in ("q", "k", "v"):
        found = [module for path, module in modules.items() if path.endswith("." + whole)]
        if len(found) == 1 and type(found[0]).__name__ == "Conv1D":
            return found[0], "qkv".index(part) * site.U.shape[1]
    raise KeyError(f"site {name} must be a matrix of the model, got none of that name")


# config.yaml as Cleave writes it: blocks of mappings and lists, lists in brackets, plain and quoted
# text. No other YAML is read.


def _yaml(text):
    lines = []
    for line in text.split("\n"):
        stripped = line.strip(" ")
        if stripped and not stripped.startswith("#"):
            lines.append((len(line) - len(line.lstrip(" ")), stripped))
    value, rest = _block(lines, 0)
    if rest != len(lines):
        raise ValueError(f"config.yaml must be as Cleave writes it, got {lines[rest][1]!r}")
    return value


def _block(lines, at):
    indent, first = lines[at]
    if first == "-" or first.startswith("- "):
        items = []
        while at < len(lines) and lines[at][0] == indent and (lines[at][1] == "-" or lines[at][1].startswith("- ")):
            content = lines[at][1][1:].lstrip(" ")
            inner = indent + len(lines[at][1]) - len(content)
            if ": " in content and content[0] not in "[{\"'" or content.endswith(":"):
                lines[at] = (inner, content)
                item, at = _block(lines, at)
            else:
                item, at = _scalar(content), at + 1
            items.append(item)
        return items, at
    mapping = {}
    while at < len(lines) and lines[at][0] == indent and not lines[at][1].startswith("- "):
        key, _, content = lines[at][1].partition(":")
        content = content.strip(" ")
        at += 1
        if content:
            mapping[_scalar(key)] = _scalar(content)
        elif at < len(lines) and (
            lines[at][0] > indent or (lines[at][0] == indent and lines[at][1].startswith("- "))
        ):
            mapping[_scalar(key)], at = _block(lines, at)
        else:
            mapping[_scalar(key)] = None
    return mapping, at


def _scalar(text):
    if text.startswith('"'):
        return json.loads(text)
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    if text == "{}":
        return {}
    if text.startswith("[") and text.endswith("]"):
        inner = text[1:-1].strip()
        return [_scalar(item.strip()) for item in inner.split(",")] if inner else []
    if text in ("true", "false"):
        return text == "true"
    if text in ("~", "null"):
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
