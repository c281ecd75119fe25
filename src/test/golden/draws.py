"""Draws, R1 to R5 of the specification, in whole-number Python."""

import math

import numpy as np

MASK = (1 << 64) - 1
GAMMA = 0x9E3779B97F4A7C15
INITIALISATION, DATA, SOURCE, ROUTING, DELTA, EVALUATION = 1, 2, 3, 4, 5, 6


def mix(z):
    """R1."""
    z ^= z >> 30
    z = z * 0xBF58476D1CE4E5B9 & MASK
    z ^= z >> 27
    z = z * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def fnv(text):
    """R4."""
    h = 0xCBF29CE484222325
    for byte in text.encode("utf-8"):
        h = (h ^ byte) * 0x100000001B3 & MASK
    return h


def key(*words):
    """R2. A text stands for its hash, a negative number for its two's complement."""
    h = 0x243F6A8885A308D3
    for w in words:
        h = mix(h ^ (fnv(w) if isinstance(w, str) else w & MASK)) + GAMMA & MASK
    return h


def word(k, i):
    """R3."""
    return mix(k + (i + 1) * GAMMA & MASK)


def uniforms(k, n):
    out = []
    for i in range((n + 1) // 2):
        w = word(k, i)
        out += [(w >> 40) * 2.0 ** -24, (w >> 16 & 0xFFFFFF) * 2.0 ** -24]
    return np.array(out[:n])


def below(k, n, count):
    return [word(k, i) * n >> 64 for i in range(count)]


def normals(k, n):
    u = uniforms(k, n + n % 2)
    out = []
    for a, b in zip(u[0::2], u[1::2]):
        radius = math.sqrt(-2.0 * math.log(1.0 - a))
        out += [radius * math.cos(2.0 * math.pi * b), radius * math.sin(2.0 * math.pi * b)]
    return np.array(out[:n])


# R5

def source(seed, step, example, site, term, draw, T, C):
    return uniforms(key(seed, SOURCE, step, example, site, term, draw), T * C).reshape(T, C)


def delta(seed, step, example, site, term, draw, T):
    return uniforms(key(seed, DELTA, step, example, site, term, draw), T)


def subset(u, L):
    """M3, `random_subset`: from L + 1 uniforms, which of L sites are in."""
    k = 1 + math.floor(u[0] * L)
    v = u[1:]
    rank = [sum(v[j] < v[i] or (v[j] == v[i] and j < i) for j in range(L)) for i in range(L)]
    return np.array([r < k for r in rank])


def routing(kind, per, probability, seed, step, examples, term, draw, T, L):
    """M3: [B, T, L] booleans; `kind` random_subset or bernoulli, `per` batch or position."""
    B = len(examples)
    n = L + 1 if kind == "random_subset" else L

    def pick(u):
        return subset(u, L) if kind == "random_subset" else u < probability

    if per == "batch":
        return np.broadcast_to(pick(uniforms(key(seed, ROUTING, step, -1, term, draw), n)), (B, T, L))
    rows = [uniforms(key(seed, ROUTING, step, e, term, draw), T * n).reshape(T, n) for e in examples]
    return np.array([[pick(u) for u in row] for row in rows])
