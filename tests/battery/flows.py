"""Networks written down a second time, from their formulas alone, and brute force on them.

A `Flow` knows the synaptic energy E_s(g) of all neurons. Its residual tau x' = -l x + b - dE_s/dg comes from complex
steps of that one formula, zeros from Newton's method with differences of the residual from many states, ends of
trajectories from SciPy's LSODA (from short Euler steps where forces jump). Nothing here calls the library.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.integrate import solve_ivp
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

TINY = 1e-30  # of a complex step: nothing cancels in it


# ------------------------------------------------------------------------------------------------ the formulas


def magnitude(z):
    """|z| of real numbers, for complex steps."""
    return z * np.where(np.real(z) < 0, -1.0, 1.0)


def length(z):
    return np.sqrt((z * z).sum(-1))


def kl(p, q):
    return (p * np.log(p / q) - p + q).sum(-1)


SIMILARITIES = {
    "dot": lambda M, g: (M * g[..., None, :]).sum(-1),
    "cosine": lambda M, g: (M * g[..., None, :]).sum(-1) / length(M) / length(g)[..., None],
    "euclidean": lambda M, g: -((M - g[..., None, :]) ** 2).sum(-1),
    "manhattan": lambda M, g: -magnitude(M - g[..., None, :]).sum(-1),
    "kl": lambda M, g: -kl(g[..., None, :], M),
    "reverse_kl": lambda M, g: -kl(M, g[..., None, :]),
    "jeffreys": lambda M, g: -(kl(g[..., None, :], M) + kl(M, g[..., None, :])) / 2,
    "jensen_shannon": lambda M, g: -_jensen_shannon(M, g[..., None, :]),
    "learned": lambda M, g: _encoded(M, g, lambda y: y),
    "learned-tanh": lambda M, g: _encoded(M, g, np.tanh),
}
ENCODER = np.array([[1.0, 0.5, -0.3], [0.2, -0.8, 0.6]])  # of a similarity that is learned, with its first columns
RIDGE = 0.2


def _encoded(M, g, phi):
    W = ENCODER[:, : M.shape[-1]]
    gaps = phi(M @ W.T) - phi(g @ W.T)[..., None, :]
    return -(gaps * gaps).sum(-1) - RIDGE * ((M - g[..., None, :]) ** 2).sum(-1)


def _jensen_shannon(M, g):
    middle = (M + g) / 2
    return (kl(g, middle) + kl(M, middle)) / 2


def log_sum_exp(s, beta):
    top = np.real(s).max(-1, keepdims=True)
    return top[..., 0] + np.log(np.exp(beta * (s - top)).sum(-1)) / beta


def _chosen(s, weights):
    return (s * weights).sum(-1)


def _sparsest(s):
    """The point of the simplex nearest to s, by what is above the threshold that makes it sum to one."""
    ordered = -np.sort(-s, axis=-1)
    rank = np.arange(1, s.shape[-1] + 1)
    level = (np.cumsum(ordered, -1) - 1) / rank
    count = (ordered > level).sum(-1, keepdims=True)
    return np.maximum(s - np.take_along_axis(level, count - 1, -1), 0.0)


def _sparsemax(s, beta):
    p = _sparsest(beta * np.real(s))
    return _chosen(s, p) - (p * p).sum(-1) / (2 * beta)


def _winner(s, beta):
    return np.take_along_axis(s, np.real(s).argmax(-1)[..., None], -1)[..., 0]


SEPARATIONS = {  # the Lagrangian L_h, whose gradient are the weights
    "softmax": log_sum_exp,
    "max": _winner,
    "sparsemax": _sparsemax,
    "identity": lambda s, beta: beta * (s * s).sum(-1) / 2,
    "polynomial(2)": lambda s, beta: (beta * s * beta * s * beta * s).sum(-1) / (3 * beta),
    "rectified_polynomial(3)": lambda s, beta: (np.where(np.real(s) > 0, beta * s, 0.0) ** 4).sum(-1) / (4 * beta),
    "exponential": lambda s, beta: np.exp(beta * s).sum(-1) / beta,
    "tanh": lambda s, beta: np.log(np.cosh(beta * s)).sum(-1) / beta,
}


@dataclass(frozen=True)
class Neurons:
    """Neurons of one kind: their activation, its inverse, and their Lagrangian."""

    size: int
    kind: str = "identity"
    beta: object = 1.0  # of "gains" one for each
    leak: float = 1.0
    tau: float = 1.0
    bias: object = 0.0

    def activation(self, x):
        if self.kind == "tanh":
            return np.tanh(self.beta * x)
        if self.kind == "softmax":
            e = np.exp(self.beta * (x - x.max(-1, keepdims=True)))
            return e / e.sum(-1, keepdims=True)
        if self.kind == "gains":
            return self.beta * x
        return np.exp(x) if self.kind == "exp" else x

    def dual(self, g):
        if self.kind == "tanh":
            return np.arctanh(g) / self.beta
        if self.kind == "gains":
            return g / self.beta
        return np.log(g) if self.kind == "exp" else np.array(g)

    def lagrangian(self, x):
        if self.kind == "tanh":
            y = np.abs(self.beta * x)
            return ((y + np.log1p(np.exp(-2 * y)) - np.log(2)) / self.beta).sum(-1)
        if self.kind == "softmax":
            return log_sum_exp(x, self.beta)
        if self.kind == "gains":
            return (self.beta * x * x).sum(-1) / 2
        return np.exp(x).sum(-1) if self.kind == "exp" else (x * x).sum(-1) / 2


# ------------------------------------------------------------------------------------------------- the network


@dataclass(frozen=True, eq=False)
class Flow:
    """A network: its neurons, the energy of their synapses, and where a cue starts."""

    neurons: tuple[Neurons, ...]
    synapses: Callable  # activations (..., D), maybe complex -> E_s (...)
    start: Callable  # cues (B, I) -> x (B, D)
    patterns: np.ndarray
    jumps: bool = False  # whether forces jump
    rays: bool = False  # whether the length of x does not matter
    origin: bool = False  # whether everything shrinks to 0, where directions have no meaning
    forces: Callable | None = None  # where there is no energy: activations -> -dE_s/dg
    beta: float = 1.0
    weights: Callable | None = None  # cues -> the parts that memories take
    reduced: Callable | None = None  # two coordinates (..., 2) -> the x of least energy with them, of more than two
    cache: dict = field(default_factory=dict)

    @property
    def size(self):
        return sum(n.size for n in self.neurons)

    def _parts(self, x):
        at = np.cumsum([n.size for n in self.neurons])[:-1]
        return np.split(x, at, axis=-1)

    def activation(self, x):
        return np.concatenate([n.activation(p) for n, p in zip(self.neurons, self._parts(x), strict=True)], -1)

    def _joined(self, name):
        return np.concatenate([np.broadcast_to(np.asarray(getattr(n, name), float), n.size) for n in self.neurons])

    @property
    def tau(self):
        return self._joined("tau")

    def residual(self, x):
        """tau x' (..., D)."""
        x = np.asarray(x, float)
        g = self.activation(x)
        if self.forces is not None:
            force = self.forces(g)
        else:
            turned = g[..., None, :] + 1j * TINY * np.eye(self.size)
            force = -np.imag(self.synapses(turned)) / TINY
        return -self._joined("leak") * x + self._joined("bias") + force

    def velocity(self, x):
        return self.residual(x) / self.tau

    def jacobian(self, x, h=1e-6):
        """dr/dx (..., D, D) by central differences."""
        x = np.asarray(x, float)
        e = h * np.eye(self.size)
        return np.swapaxes(self.residual(x[..., None, :] + e) - self.residual(x[..., None, :] - e), -1, -2) / (2 * h)

    def energy(self, x):
        x = np.asarray(x, float)
        total = self.synapses(self.activation(x))
        for n, p in zip(self.neurons, self._parts(x), strict=True):
            g = n.activation(p)
            total = total + n.leak * ((p * g).sum(-1) - n.lagrangian(p)) - (n.bias * g).sum(-1)
        return total

    def energy_rate(self, x):
        """dE/dt along the flow."""
        e = 1e-6
        v = self.velocity(x)
        return (self.energy(x + e * v) - self.energy(x - e * v)) / (2 * e)

    # -------------------------------------------------------------------------------------------- brute force

    def canonical(self, x):
        """One point of a ray."""
        return x / length(x)[..., None] if self.rays else x

    def index(self, x):
        """How many directions grow, and how near to 0 the nearest eigenvalue is."""
        values = np.linalg.eigvals(self.jacobian(x))
        if self.rays:  # along the ray
            values = np.delete(values, np.abs(values).argmin())
        return int((values.real > 0).sum()), float(np.abs(values.real).min())

    def zeros(self, starts):
        """The zeros of the residual that Newton's method comes to from starts (B, D)."""
        x = self.canonical(np.array(starts, float))
        clip = 0.1 if self.rays else 0.5 * length(self.patterns).mean()
        with np.errstate(all="ignore"):
            for _ in range(60):
                r, J = self.residual(x), self.jacobian(x)
                good = np.isfinite(r).all(-1) & np.isfinite(J).all((-2, -1)) & (length(x) < 1e3)
                x, r, J = x[good], r[good], J[good]
                step = -(np.linalg.pinv(J, rcond=1e-7 if self.rays else 1e-12) @ r[..., None])[..., 0]
                far = length(step)[:, None]
                x = self.canonical(x + step * np.minimum(1.0, clip / np.maximum(far, 1e-300)))
            r = self.residual(x)
        return distinct(x[(np.abs(r).max(-1) < 1e-9) & (far[:, 0] < 1e-7)], 1e-5)

    def random(self, count, seed):
        """States about the patterns, and far from them."""
        rng = np.random.default_rng(seed)
        inside = rng.dirichlet(np.full(len(self.patterns), 0.4), count) @ self.patterns
        scale = np.abs(self.patterns).max()
        cues = inside + scale * rng.normal(size=inside.shape) * rng.choice([0.0, 0.1, 0.5], (count, 1))
        n = self.neurons[0]
        if n.kind == "tanh":
            cues = cues * rng.choice([-1.0, 1.0], (count, 1))
        if n.kind == "exp":
            cues = np.abs(cues) + 1e-2
        if n.kind == "tanh" and len(self.neurons) < 2:
            cues = np.clip(cues, -0.97, 0.97)
        x = self.start(cues)
        if self.rays:  # in all directions
            x[::2] = rng.normal(size=x[::2].shape)
        far = [0.0, 0.3] if len(self.neurons) == 1 else [0.3, 2.0]
        return x + rng.normal(size=x.shape) * rng.choice(far, (count, 1))

    def stable_points(self):
        """All points that attract, found without the library."""
        if "stable" not in self.cache:
            nothing = np.zeros((1, self.size))
            self.cache["stable"] = nothing if self.origin else self._corners() if self.jumps else self._smooth()
        return self.cache["stable"]

    def _smooth(self):
        random = self.random(150, 5)
        found = self.zeros(np.concatenate([random, self.ends(random[:50], 12.0, 1e-4)]))
        kept = [x for x in found if self.index(x)[0] == 0 and self.index(x)[1] > 1e-6]
        return np.reshape(kept, (-1, self.size))

    def _corners(self):
        """Between jumps the energies here are concave or linear, so only corners attract: a push must come back."""
        columns = [np.unique(c) for c in self.patterns.T]
        corners = np.stack(np.meshgrid(*columns, indexing="ij"), -1).reshape(-1, self.patterns.shape[1])
        rng, kept = np.random.default_rng(3), []
        pushes = 0.01 * rng.normal(size=(8, 1, corners.shape[1]))
        ends = self.slide(corners + pushes, 3.0)
        back = length(self.canonical(ends) - self.canonical(corners)).max(0) < 0.03
        kept = corners[back]
        return distinct(self.canonical(kept), 1e-9)

    def slide(self, x, t=12.0, h=5e-3):
        """Euler's method in short steps: where forces jump, within h of a kink."""
        x = np.array(x, float)
        for _ in range(round(t / h)):
            x = x + h * self.velocity(x)
        return x

    def end(self, x, t=300.0):
        """Where the flow from one state x (D,) leads: LSODA at 1e-10."""
        if self.jumps:
            return self.slide(x)
        t = 8.0 if self.origin else t
        with np.errstate(all="ignore"):
            for _ in range(3):  # far out forces may be so small that it takes long
                x = solve_ivp(lambda _, y: self.velocity(y), (0, t), x, "LSODA", rtol=1e-10, atol=1e-12).y[:, -1]
                if np.abs(self.residual(x)).max() < 1e-7 or self.origin:
                    break
                t *= 100
        return x

    def ends(self, x, t=40.0, rtol=1e-7):
        """The same for a batch (B, D) at once, by Dormand and Prince's method of order 8."""
        x = np.atleast_2d(x)
        if self.jumps:
            return self.slide(x)
        if self.origin:
            return np.array([self.end(row) for row in x])
        with np.errstate(all="ignore"):
            run = solve_ivp(
                lambda _, y: self.velocity(y.reshape(x.shape)).ravel(),
                (0, t),
                x.ravel(),
                "DOP853",
                rtol=rtol,
                atol=rtol / 10,
            )
        return run.y[:, -1].reshape(x.shape)


def distinct(x, apart):
    """Rows, each once."""
    kept: list[np.ndarray] = []
    for row in x:
        if all(np.abs(row - other).max() > apart for other in kept):
            kept.append(row)
    return np.reshape(kept, (-1, np.shape(x)[-1]))


# ------------------------------------------------------------------------------------------------- the families


def updated(flow, similarity, cues, steps=400):
    """The update rule from cues (B, I), over and over, where it has a closed form; and which of them settle."""
    M, n, x = flow.patterns, flow.neurons[0], flow.start(cues)
    before = x
    for _ in range(steps):
        before = x
        if not similarity:  # all neurons at once
            x = (flow.residual(x) + n.leak * x) / n.leak
            continue
        f = flow.weights(n.activation(x))
        total = f.sum(-1, keepdims=True)
        if similarity == "dot":
            x = (f @ M + n.bias) / n.leak
        elif similarity == "euclidean":
            x = f @ M / total
        elif similarity == "kl":
            x = f @ np.log(M) / total
        else:  # cosine: the direction of the force, and the length as it was
            force = f @ (M / length(M)[:, None])
            x = length(x)[:, None] * force / length(force)[:, None]
    return x, length(x - before) < 1e-6


def minimax(levels, places):
    """The least highest level (K, K) on the ways of a grid between nodes; `levels` (n, m), `places` (K, 2)."""
    n, m = levels.shape
    rows = np.arange(n * m).reshape(n, m)
    pairs = [(rows[1:], rows[:-1]), (rows[:, 1:], rows[:, :-1])]
    a, b = (np.concatenate([pair[k].ravel() for pair in pairs]) for k in (0, 1))
    flat = levels.ravel()
    cost = np.maximum(flat[a], flat[b]) - flat.min() + 1.0  # a weight of 0 would be no edge
    tree = minimum_spanning_tree(coo_matrix((cost, (a, b)), shape=(n * m, n * m)).tocsr())
    nodes = [int(rows[tuple(place)]) for place in places]
    answer = np.full((len(nodes), len(nodes)), -np.inf)
    weights = tree + tree.T
    for i, node in enumerate(nodes):
        order, before = breadth_first_order(weights, node, directed=False)
        high = np.zeros(n * m)
        parents = before[order[1:]]
        steps = np.asarray(weights[order[1:], parents]).ravel()
        for child, parent, step in zip(order[1:].tolist(), parents.tolist(), steps.tolist(), strict=True):
            high[child] = max(high[parent], step)
        answer[i] = high[nodes]
    answer = answer + flat.min() - 1.0
    answer[np.diag_indices(len(nodes))] = flat[nodes]
    return answer


def universal(
    patterns, similarity="dot", separation="softmax", *, beta, leak=None, bias=0.0, projection=None, tau=1.0, gain=None,
    memory_tau=0.0,
):  # fmt: skip
    """A similarity, a separation, value neurons; outputs with a projection; memory neurons with a time constant."""
    patterns, sim = np.asarray(patterns, float), SIMILARITIES[similarity]
    lagrangian = SEPARATIONS[separation]
    positive = similarity in ("kl", "reverse_kl", "jeffreys", "jensen_shannon")
    width, count = patterns.shape[1], len(patterns)
    leak = (1.0 if similarity == "dot" else 0.0) if leak is None else leak
    kind = "exp" if positive else "tanh" if gain else "identity"
    neurons = [Neurons(width, kind, gain or 1.0, leak, tau, bias)]
    if projection is not None:
        neurons.append(Neurons(projection.shape[1], tau=tau))

    def scores(g):
        s = sim(patterns, g[..., :width])
        return s if projection is None else s + SIMILARITIES["dot"](projection, g[..., width:])

    def weights(cues):
        cues = np.asarray(cues, float)
        s = scores(cues) if cues.shape[-1] > width else sim(patterns, cues)
        return np.imag(lagrangian(s[..., None, :] + 1j * TINY * np.eye(count), beta)) / TINY

    def start(cues):
        cues = np.asarray(cues, float)
        if gain:
            cues = np.clip(cues, -0.99, 0.99)
        x = neurons[0].dual(cues)
        if projection is not None:
            x = np.concatenate([x, np.zeros((*x.shape[:-1], projection.shape[1]))], -1)
        return np.concatenate([x, sim(patterns, cues)], -1) if memory_tau else x

    if not memory_tau:
        return Flow(
            tuple(neurons),
            lambda g: -lagrangian(scores(g), beta),
            start,
            patterns,
            jumps=similarity == "manhattan" or separation == "max",
            rays=similarity == "cosine" and leak == 0 and projection is None,
            origin=similarity == "cosine" and leak > 0,
            beta=beta,
            weights=weights,
        )

    # The memory neurons' activations f are given: their own Lagrangian is not among the kinds above.
    class Hidden(Neurons):
        def activation(self, x):
            return np.imag(lagrangian(x[..., None, :] + 1j * TINY * np.eye(count), beta)) / TINY

        def lagrangian(self, x):
            return lagrangian(x, beta)

    return Flow(
        (*neurons, Hidden(count, tau=memory_tau)),
        lambda g: -(g[..., -count:] * scores(g[..., :-count])).sum(-1),
        start,
        patterns,
        jumps=similarity == "manhattan" or separation == "max",
        beta=beta,
        weights=weights,
    )


def classical(patterns, W, *, beta, bias=0.0):
    """Graded neurons that couple to one another by W."""
    W, patterns = np.asarray(W, float), np.asarray(patterns, float)
    n = Neurons(len(W), "tanh", beta, bias=bias)
    symmetric = np.allclose(W, W.T)
    return Flow(
        (n,),
        lambda g: -((g @ W.T) * g).sum(-1) / 2,
        lambda cues: n.dual(np.clip(cues, -0.99, 0.99)),
        patterns,
        forces=None if symmetric else lambda g: g @ W.T,
        beta=beta,
    )


def bidirectional(left, right, *, beta):
    """Two sides joined by W = X^T Y."""
    left, right = np.asarray(left, float), np.asarray(right, float)
    W = left.T @ right
    root = np.sqrt(W.size)
    sides = Neurons(W.shape[0], "tanh", beta / root), Neurons(W.shape[1], "tanh", beta / root)

    def start(cues):
        x = np.asarray(cues, float) * root
        return np.concatenate([x, np.tanh(beta / root * x) @ W], -1)

    n = W.shape[0]

    def reduced(x):
        return np.concatenate([x, np.tanh(beta / root * x) @ W], -1)

    return Flow(sides, lambda g: -((g[..., :n] @ W) * g[..., n:]).sum(-1), start, left, beta=beta, reduced=reduced)


def hierarchical(patterns, neurons, weights):
    """Layers, each joined to the next."""
    at = np.cumsum([0, *(n.size for n in neurons)])

    def synapses(g):
        parts = [g[..., a:b] for a, b in itertools.pairwise(at)]
        return -sum(((parts[k] @ W) * parts[k + 1]).sum(-1) for k, W in enumerate(weights))

    def start(cues):
        states = [neurons[0].dual(np.asarray(cues, float))]
        for k, W in enumerate(weights):
            upper = neurons[k + 1]
            states.append((neurons[k].activation(states[-1]) @ W + upper.bias) / upper.leak)
        return np.concatenate(states, -1)

    def reduced(x):  # of the middle layer of three
        g = neurons[1].activation(x)
        below, above = (
            (f + n.bias) / n.leak for f, n in ((g @ weights[0].T, neurons[0]), (g @ weights[1], neurons[2]))
        )
        return np.concatenate([below, x, above], -1)

    two = neurons[1].size == 2
    return Flow(tuple(neurons), synapses, start, np.asarray(patterns, float), reduced=reduced if two else None)


def covariance(patterns, ridge, implicit):
    """Neurons of a mean and a precision; the implicit form has gains, 1/L_ii."""
    patterns = np.asarray(patterns, float)
    mean, width = patterns.mean(0), patterns.shape[1]
    gaps = patterns - mean
    spread = gaps.T @ gaps / len(gaps)
    precision = np.linalg.inv(spread + ridge * np.trace(spread) / width * np.eye(width))
    n = Neurons(width, "gains" if implicit else "identity", 1 / np.diag(precision) if implicit else 1.0, leak=0.0)
    return Flow(
        (n,), lambda g: (((g - mean) @ precision) * (g - mean)).sum(-1) / 2, lambda cues: n.dual(cues), patterns
    )


def predictive(patterns, W, below, prior):
    """Two layers, of which the upper one predicts the lower one, W tanh(x_1) + c, and a prior the upper one."""
    patterns, size = np.asarray(patterns, float), W.shape[0]

    def synapses(g):
        low, high = g[..., :size], g[..., size:]
        return ((low - np.tanh(high) @ W.T - below) ** 2).sum(-1) / 2 + ((high - prior) ** 2).sum(-1) / 2

    def start(cues):
        cues = np.asarray(cues, float)
        return np.concatenate([cues, np.broadcast_to(prior, (*cues.shape[:-1], len(prior)))], -1)

    return Flow(tuple(Neurons(n, leak=0.0) for n in W.shape), synapses, start, patterns)
