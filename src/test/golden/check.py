"""Checks of the reference itself: its tape and losses against central differences, its losses against worked examples."""

import cmath
import math

import numpy as np

import method
import tape
from reference import Gate, Step, forward, margin, pre_activation, train
from tape import Var, gradients, var


def derivative(f, h=1e-5):
    """f'(0) by central differences of fourth order."""
    return (8.0 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12.0 * h)


def worst(loss, params, rng):
    """Largest relative error over parameters, each along one random direction. `loss` maps leaves to a scalar Var.
    The error is relative to the parameter's gradient norm, or to a thousandth of the whole gradient's if that is larger."""
    leaves = method.leaves_of(params)
    grads = dict(zip(leaves, gradients(loss(leaves), list(leaves.values()))))
    whole = math.sqrt(sum((g ** 2).sum() for g in grads.values()))
    errors = [0.0]
    for name, value in params.items():
        direction = rng.normal(size=value.shape)
        direction /= np.linalg.norm(direction)
        moved = derivative(lambda h: float(loss(method.leaves_of(params | {name: value + h * direction})).value))
        errors.append(abs(moved - (grads[name] * direction).sum()) / max(np.linalg.norm(grads[name]), 1e-3 * whole, 1e-12))
    return max(errors)


def operations(rng):
    x, y, m = rng.normal(size=(2, 3, 4)), rng.normal(size=(3, 1)), rng.normal(size=(4, 5))
    weights = {}

    def check(name, f, **params):
        def loss(leaves):
            out = f(**leaves)
            weight = weights.setdefault(name, rng.normal(size=out.shape))
            return (out * weight).sum()
        return name, worst(loss, params, rng)

    index, x_mask = np.array([[0, 2], [2, 2]]), rng.random(x.shape) < 0.5
    return [
        check("add, broadcast", lambda x, y: x + y, x=x, y=y), check("sub, neg", lambda x, y: 2.0 - (x - y), x=x, y=y),
        check("mul, broadcast", lambda x, y: x * y, x=x, y=y), check("matmul", lambda x, m: x @ m, x=x, m=m),
        check("batched matmul", lambda x, z: x @ z.T, x=x, z=rng.normal(size=(2, 6, 4))),
        check("pow", lambda x: x ** 0.4, x=np.abs(x) + 0.1), check("sum", lambda x: x.sum(axis=1), x=x),
        check("amax", lambda x: x.amax(axis=1), x=x), check("gather", lambda x: x[:, index], x=x),
        check("reshape", lambda x: x.reshape(6, 4) @ m, x=x), check("concat", lambda x, z: tape.concat(x, z), x=x, z=x[..., :2] + 1.0),
        check("where", lambda x, z: tape.where(x_mask, x, z), x=x, z=x * 2.0),
        check("softmax", tape.softmax, x=x), check("log_softmax", tape.log_softmax, x=x), check("gelu", tape.gelu, x=x),
        check("log2", tape.log2, x=np.abs(x) + 0.1), check("upper", tape.upper, x=x * 2.0), check("lower plain", tape.lower_plain, x=x * 2.0)]


def sign_gated():
    """G3 by table: (x, incoming gradient, gradient to x)."""
    table = [(-1.0, -2.0, -0.02), (-1.0, 2.0, 0.0), (0.0, -2.0, -0.02), (0.0, 2.0, 0.0), (0.5, -2.0, -2.0), (0.5, 2.0, 2.0),
             (1.0, 2.0, 2.0), (1.5, -2.0, 0.0), (1.5, 2.0, 0.0)]
    for x, g, expected in table:
        leaf = Var(x)
        assert gradients(tape.lower_sign_gated(leaf) * g, [leaf])[0] == expected, (x, g)
    assert tape.lower_sign_gated(var([-1.0, 0.3, 2.0])).value.tolist() == [0.0, 0.3, 1.0]
    for x, g, expected in [(-1.0, -2.0, -0.02), (-1.0, 2.0, 0.02), (0.0, 2.0, 0.02), (0.5, -2.0, -2.0), (1.0, 2.0, 2.0), (1.5, 2.0, 0.0)]:
        leaf = Var(x)
        assert gradients(tape.lower_both_signs(leaf) * g, [leaf])[0] == expected, (x, g)
    assert tape.lower_both_signs(var([-1.0, 0.3, 2.0])).value.tolist() == [0.0, 0.3, 1.0]
    # Two uses of one importance: the rule sees their sum, +1, and not -1 and +2 apart.
    leaf = Var(-1.0)
    low = tape.lower_sign_gated(leaf)
    assert gradients(low * -1.0 + low * 2.0, [leaf])[0] == 0.0


class Given(Step):
    """A step with given upper importances or differences, for the worked examples."""

    def __init__(self, upper=None, differences=None):
        self.sites = list(upper or differences)
        self.upper = {s: var(np.array(x, dtype=float)) for s, x in (upper or {}).items()}
        self.differences = differences
        if upper:
            B, T, _ = self.upper[self.sites[0]].shape
            self.batch = method.Batch(np.zeros((B, T), int), np.ones((B, T), bool), None, 0)
        else:
            self.target = method.Target({s: np.array(d, dtype=float) for s, d in differences.items()}, None, False, 1)

    def difference(self, site):
        return var(np.array(self.differences[site], dtype=float))


def worked_examples():
    """From the tests of the method's authors, values only; and from one's fingers."""
    def near(a, b):
        assert abs(a - b) < 1e-12 * max(1.0, abs(b)), (a, b)

    near(Given(differences={"a": [[1, -1], [2, 0]], "b": [[2, -2, 1]]}).faithfulness().value, 15 / 7)
    two = Given(upper={"a": [[[1, 2, 3]]], "b": [[[0.5, 1.5]]]})
    near(two.importance_minimality(1.0, 0.0, "mean").value, 8)
    near(Given(upper={"a": [[[2, 3]]]}).importance_minimality(2.0, 0.0, "mean").value, 13)
    near(Given(upper={"a": [[[2]]]}).importance_minimality(1.5, 0.0, "mean").value, 2 ** 1.5)
    rows = Given(upper={"a": [[[1, 2]], [[3, 4]]]})
    near(rows.importance_minimality(1.0, 0.0, "mean").value, 5)
    near(rows.frequency(1.0, 0.0, "mean").value + 5, 2 * (1 + math.log2(5)) + 3 * (1 + math.log2(7)))
    near(rows.usage(0.5, 0.0).value, math.sqrt(2) + math.sqrt(3))
    near(Given(upper={"a": [[[0.0, 1.0]]]}).importance_minimality(0.5, 1e-4, "mean", True).value, math.sqrt(1.0001) - 0.01)
    for c in method.schedules_case()["checks"]:
        near(method.schedule(c["schedule"], c["at"], c["steps"]), c["value"])


def losses(rng):
    seed = 5
    target, gate, batch, params = method.losses_problem(seed)
    step = Step(target, gate, batch, method.leaves_of(params), seed, "plain")
    print(f"losses: nearest pre-activation to 0, 1/2, 1: {margin(step, batch.valid, (0.0, 0.5, 1.0)):.1e}")
    for site, x in step.pre.items():
        v = x.value[batch.valid]
        print(f"  {site}: x<0 {(v < 0).mean():.0%}, 0<x<1 {((v > 0) & (v < 1)).mean():.0%}, x>1 {(v > 1).mean():.0%}")
    for name, _, term in method.loss_terms():
        if name == "ones/all delta on":  # everything in place: an exact minimum, where a relative error has no meaning
            value = step.loss(term)
            leaves = list(step.params.values())
            assert abs(value.value) < 1e-14 and max(np.abs(g).max() for g in gradients(value, leaves)) < 1e-13
            continue
        # The plain leak: the sign-gated one has no function that it is the derivative of.
        yield name, worst(lambda leaves: Step(target, gate, batch, leaves, seed, "plain").loss(term), params, rng)


def before(rng):
    """The other form of the target: learned code before the projection, no output matrix."""
    target, gate, batches, params = method.trajectory_problem(**{k: method.TRAJECTORY_BEFORE[k] for k in ("seed", "steps", "before")})
    for loss in method.recipe(3, 37).losses[:2]:
        yield "before: " + loss["name"], worst(
            lambda leaves: Step(target, gate, batches[0], leaves, 37, "plain").loss(loss["settings"]), params, rng)


def rotary(rng):
    """The target with rotary positions."""
    case = method.TRAJECTORY_ROTARY
    target, gate, batches, params = method.trajectory_problem(**{k: case[k] for k in ("seed", "steps", "before", "rotary")})
    for loss in method.recipe(3, case["seed"]).losses[:2]:
        yield "rotary: " + loss["name"], worst(
            lambda leaves: Step(target, gate, batches[0], leaves, case["seed"], "plain").loss(loss["settings"]), params, rng)


def softmax(scores):
    e = [math.exp(s) for s in scores]
    return [x / sum(e) for x in e]


def plain_forward(rng):
    """The target once more, one position at a time, against `forward`."""
    for before, output, rotary in [(False, True, False), (True, False, False), (False, True, True)]:
        target = method.make_target(rng, before, output, rotary=rotary)
        W, d = target.weights, method.D
        valid = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], dtype=bool)
        batch = method.Batch(rng.integers(0, method.VOCAB, size=valid.shape), valid, None, 0)
        logits = forward(target, batch)[0].value
        for b, length in enumerate([5, 3]):
            x = [W["E"][token] for token in batch.tokens[b, :length]]
            for i in range(target.layers):
                new = []
                for n in range(length):
                    p = target.table
                    if before:
                        q, keys = W[f"Q{i}"] @ (x[n] + p[n]), [W[f"K{i}"] @ (x[j] + p[j]) for j in range(n + 1)]
                    elif rotary:  # as complex numbers
                        def turned(y, at):
                            return [complex(y[c], y[c + d // 2]) * cmath.exp(1j * at * 100.0 ** (-4.0 * c / d)) for c in range(d // 2)]
                        q = turned(W[f"Q{i}"] @ x[n], n)
                        q = np.array([z.real for z in q] + [z.imag for z in q])
                        keys = [turned(W[f"K{i}"] @ x[j], j) for j in range(n + 1)]
                        keys = [np.array([z.real for z in k] + [z.imag for z in k]) for k in keys]
                    else:
                        q, keys = W[f"Q{i}"] @ x[n] + p[n], [W[f"K{i}"] @ x[j] + p[j] for j in range(n + 1)]
                    w = softmax([q @ k / math.sqrt(d) for k in keys])
                    out = sum(w[j] * (W[f"V{i}"] @ x[j]) for j in range(n + 1))
                    new.append(x[n] + (W[f"O{i}"] @ out if output else out))
                x = new
            for n in range(length):
                assert np.abs(W["Wu"] @ x[n] - logits[b, n]).max() < 1e-12


def plain_gate(rng):
    """G4 once more, one number at a time, against `pre_activation`."""
    T, C, d_in, H = 5, 3, 4, method.HIDDEN
    a = rng.normal(size=(1, T, d_in))
    length = 4  # the last position is padding
    valid = np.arange(T)[None, :] < length
    for gate, h in [(Gate(), 4), (Gate(causal=False), 4), (Gate(own_activation=False), 2)]:
        p = method.make_gate(rng, gate, d_in, C, h)
        y = pre_activation(gate, method.leaves_of(p), var(a), None, valid).value[0]
        for n in range(length):
            keys = range(n + 1) if gate.causal else range(length)
            r = [p["relative"][n - j if gate.causal else n - j + method.POSITIONS - 1] for j in keys]
            w = softmax([(a[0, n] @ p["query"]) @ (a[0, j] @ p["key"]) / math.sqrt(h) + r[j] for j in keys])
            z = list(sum(w[j] * ((a[0, j] + p["absolute"][j]) @ p["value"]) for j in keys)) + list(a[0, n] if gate.own_activation else [])
            for c in range(C):
                total = p["output_bias"][c]
                for i in range(H):
                    v = sum(z[k] * p["hidden"][k, c * H + i] for k in range(len(z))) + p["hidden_bias"][c * H + i]
                    total += p["output"][c, i] * v * 0.5 * (1.0 + math.erf(v / math.sqrt(2.0)))
                assert abs(total - y[n, c]) < 1e-12


def gates(rng):
    B, T, C, d_in = 3, 6, 5, 4
    valid = np.arange(T)[None, :] < np.array([6, 4, 5])[:, None]
    a, weights = rng.normal(size=(B, T, d_in)), rng.normal(size=(B, T, C)) * valid[..., None]
    V = rng.normal(size=(d_in, C))
    for gate, width in [(Gate(), 4), (Gate(causal=False), 4), (Gate(own_activation=False), 2), (Gate("vector_mlp"), 0),
                        (Gate("shared_mlp"), 0), (Gate("mlp"), 0)]:
        params = method.make_gate(rng, gate, d_in, C, width) | {"V": V}
        yield str(gate), worst(lambda leaves: (pre_activation(
            gate, {k: v for k, v in leaves.items() if k != "V"}, var(a), leaves["V"], valid) * weights).sum(), params, rng)
        # What stands at a padded position must not matter.
        other = np.where(valid[..., None], a, 9.0)
        first, second = (method.gate_total(gate, params, x, V, valid, weights)[2].value for x in (a, other))
        assert first == second, gate


def trajectory(rng, name, seed, steps, before, gate_bound, rotary=False):
    """How far a rounding-sized change of the start moves the end, and how near the run comes to a kink."""
    target, gate, batches, params = method.trajectory_problem(seed, steps, before, rotary)
    plan = method.recipe(steps, seed, gate_bound)
    final, records = train(target, gate, plan, batches, params)
    moved, others = train(target, gate, plan, batches, {k: v + 1e-13 * rng.normal(size=v.shape) for k, v in params.items()})
    shift = max(float(np.abs(final[k] - moved[k]).max()) for k in final)
    drift = max(abs(a["losses"][k] - b["losses"][k]) for a, b in zip(records, others) for k in a["losses"])
    print(f"{name}: start moved by 1e-13: final parameters by {shift:.1e}, losses by {drift:.1e};"
          f" nearest to a kink {min(r['pre_activation_margin'] for r in records):.1e}")
    for r in records:
        print(f"  step {r['step']}: total {r['total']:.6f}, gradient norms {r['gradient_norms']['subcomponents']:.3f}"
              f" {r['gradient_norms']['gates']:.3f}")
    assert shift < 1e-11 and drift < 1e-11


def run():
    rng = np.random.default_rng(1)
    sign_gated()
    worked_examples()
    plain_forward(rng)
    plain_gate(rng)
    trajectory(rng, **method.TRAJECTORY)
    trajectory(rng, **method.TRAJECTORY_BEFORE)
    trajectory(rng, **method.TRAJECTORY_ROTARY)
    results = operations(rng) + list(gates(rng)) + list(before(rng)) + list(rotary(rng)) + list(losses(rng))
    for name, error in results:
        print(f"{error:.1e}  {name}")
    largest = max(error for _, error in results)
    print(f"largest relative error {largest:.1e}")
    assert largest < 1e-6
