"""A small reverse-mode tape over float64 numpy arrays.

A Var holds a value and, for each parent, a function from the gradient of this Var to the gradient of that parent.
`gradients(y, xs)` walks the graph backwards in topological order, so every Var sees its complete incoming gradient once.
That matters for `sign_gated` (G3), whose backward rule is not linear in the incoming gradient.
"""

import math

import numpy as np

LEAK = 0.01


class Var:
    __array_ufunc__ = None  # `array op Var` comes to our reflected operators

    def __init__(self, value, parents=()):
        self.value = np.asarray(value, dtype=np.float64)
        self.parents = parents  # tuple of (Var, backward function)

    shape = property(lambda self: self.value.shape)

    def __add__(self, other):
        a, b = self, var(other)
        return Var(a.value + b.value, ((a, lambda g: fit(g, a)), (b, lambda g: fit(g, b))))

    def __mul__(self, other):
        a, b = self, var(other)
        return Var(a.value * b.value, ((a, lambda g: fit(g * b.value, a)), (b, lambda g: fit(g * a.value, b))))

    def __matmul__(self, other):
        a, b = self, var(other)
        return Var(a.value @ b.value, ((a, lambda g: fit(g @ b.value.swapaxes(-1, -2), a)),
                                       (b, lambda g: fit(a.value.swapaxes(-1, -2) @ g, b))))

    def __rmatmul__(self, other):
        return var(other) @ self

    def __pow__(self, p):
        return Var(self.value ** p, ((self, lambda g: g * p * self.value ** (p - 1)),))

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + -var(other)

    def __rsub__(self, other):
        return var(other) + -self

    __radd__ = __add__
    __rmul__ = __mul__

    def __truediv__(self, number):
        return self * (1.0 / number)

    def __getitem__(self, index):
        def back(g):
            out = np.zeros(self.shape)
            np.add.at(out, index, g)  # repeated indices add up
            return out
        return Var(self.value[index], ((self, back),))

    def sum(self, axis=None):
        def back(g):
            return np.broadcast_to(g if axis is None else np.expand_dims(g, axis), self.shape)
        return Var(self.value.sum(axis=axis), ((self, back),))

    def amax(self, axis):
        """Largest value along an axis; ties share the gradient evenly."""
        top = self.value.max(axis=axis, keepdims=True)
        hit = self.value == top
        share = hit / hit.sum(axis=axis, keepdims=True)
        return Var(self.value.max(axis=axis), ((self, lambda g: np.expand_dims(g, axis) * share),))

    def reshape(self, *shape):
        return Var(self.value.reshape(shape), ((self, lambda g: g.reshape(self.shape)),))

    @property
    def T(self):
        """The last two axes exchanged."""
        return Var(self.value.swapaxes(-1, -2), ((self, lambda g: g.swapaxes(-1, -2)),))


def var(x):
    return x if isinstance(x, Var) else Var(x)


def fit(g, like):
    """Sum a gradient over the axes along which `like` was broadcast."""
    while g.ndim > like.value.ndim:
        g = g.sum(axis=0)
    for axis, n in enumerate(like.shape):
        if n == 1 and g.shape[axis] != 1:
            g = g.sum(axis=axis, keepdims=True)
    return g


def where(condition, a, b):
    """a where the constant condition holds, else b."""
    a, b = var(a), var(b)
    return Var(np.where(condition, a.value, b.value),
               ((a, lambda g: fit(np.where(condition, g, 0.0), a)), (b, lambda g: fit(np.where(condition, 0.0, g), b))))


def concat(a, b):
    """Along the last axis."""
    n = a.shape[-1]
    return Var(np.concatenate([a.value, b.value], axis=-1), ((a, lambda g: g[..., :n]), (b, lambda g: g[..., n:])))


def log2(x):
    return Var(np.log2(x.value), ((x, lambda g: g / (x.value * math.log(2.0))),))


def softmax(x):
    y = np.exp(x.value - x.value.max(axis=-1, keepdims=True))
    y = y / y.sum(axis=-1, keepdims=True)
    return Var(y, ((x, lambda g: y * (g - (g * y).sum(axis=-1, keepdims=True))),))


def log_softmax(x):
    shifted = x.value - x.value.max(axis=-1, keepdims=True)
    y = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return Var(y, ((x, lambda g: g - np.exp(y) * g.sum(axis=-1, keepdims=True)),))


erf = np.vectorize(math.erf, otypes=[np.float64])


def gelu(x):
    """Exact: x Phi(x)."""
    v = x.value
    phi = 0.5 * (1.0 + erf(v / math.sqrt(2.0)))
    density = np.exp(-0.5 * v * v) / math.sqrt(2.0 * math.pi)
    return Var(v * phi, ((x, lambda g: g * (phi + v * density)),))


def upper(x):
    """G2."""
    v = x.value
    slope = np.where(v < 0, 0.0, np.where(v <= 1, 1.0, LEAK))
    return Var(np.where(v < 0, 0.0, np.where(v <= 1, v, 1.0 + LEAK * (v - 1.0))), ((x, lambda g: g * slope),))


def lower_plain(x):
    """G3, `leak: plain`."""
    v = x.value
    slope = np.where(v <= 0, LEAK, np.where(v <= 1, 1.0, 0.0))
    return Var(np.where(v <= 0, LEAK * v, np.minimum(v, 1.0)), ((x, lambda g: g * slope),))


def lower_sign_gated(x):
    """G3, `leak: sign_gated`: the leak is in the backward rule alone, and only where raising the value lowers the loss."""
    v = x.value

    def back(g):
        return np.where(v <= 0, np.where(g < 0, LEAK * g, 0.0), np.where(v <= 1, g, 0.0))
    return Var(np.clip(v, 0.0, 1.0), ((x, back),))


def lower_both_signs(x):
    """G3, `leak: both_signs`: the leak is in the backward rule alone."""
    v = x.value
    return Var(np.clip(v, 0.0, 1.0), ((x, lambda g: g * np.where(v <= 0, LEAK, np.where(v <= 1, 1.0, 0.0))),))


LOWER = {"plain": lower_plain, "both_signs": lower_both_signs, "sign_gated": lower_sign_gated}


def gradients(y, xs):
    """Gradient of the scalar Var y with respect to each Var of xs."""
    order, seen, stack = [], set(), [(y, False)]
    while stack:  # depth first without recursion: parents come before children in `order`
        node, done = stack.pop()
        if done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((parent, False) for parent, _ in node.parents)
    grad = {id(y): np.ones(y.shape)}
    for node in reversed(order):
        g = grad.get(id(node))
        if g is None:
            continue
        for parent, back in node.parents:
            part = back(g)
            grad[id(parent)] = grad[id(parent)] + part if id(parent) in grad else part
    return [grad.get(id(x), np.zeros(x.shape)) for x in xs]
