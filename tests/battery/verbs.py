"""The verbs of the analysis: how each is called on a memory, with its options, and how its answer is checked.

A check looks at the answer through the network as `flows` writes it down, and through that alone: zeros of its
residual, ends of its trajectories, its energy on a grid.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np

from helpers import to_numpy
from hopfield import analysis, simulate
from hopfield.analysis import Masked, Noisy, Sphere

from . import flows
from .flows import length


@dataclasses.dataclass(frozen=True)
class Verb:
    """A call on a case, and the check of what it gave."""

    verb: str
    option: str
    call: Callable
    confirm: Callable
    slow: bool = False

    @property
    def name(self):
        return f"{self.verb}({self.option})" if self.option else self.verb


VERBS: list[Verb] = []


def verb(name, slow="", **options):
    """Register a check under a verb, one for each of the options; those named in `slow` take long."""

    def register(confirm):
        for option, call in options.items():
            VERBS.append(Verb(name, "" if option == "plain" else option, call, confirm, option in slow.split()))
        return confirm

    return register


# ------------------------------------------------------------------------------------------------ what is alike


def same(case, x, y, part=1.0):
    """Whether states agree, directions where lengths do not matter."""
    flow = case.flow
    return length(flow.canonical(np.asarray(x, float)) - flow.canonical(np.asarray(y, float))) <= part * scale(case)


def scale(case):
    return max(case.tolerance, 1e-12) * max(1.0, float(length(case.patterns).max()))


def value(case, g):
    """The activations of the first neurons."""
    return np.asarray(g)[..., : case.flow.neurons[0].size]


def reached(case, cues, flow=None):
    """The activations that cues (B, I) lead to: LSODA for each."""
    flow = case.flow if flow is None else flow
    starts = flow.start(np.asarray(cues, float))
    ends = flow.slide(starts) if flow.jumps else np.array([flow.end(x) for x in starts])
    return value(case, flow.activation(ends))


def check_points(case, flow, found, everything=True):
    """That fixed points are zeros of their index, and that no stable one is missing."""
    tol = case.tolerance
    if flow.origin:
        assert (length(found.state) < 1e-6).all()
        return
    assert len(found.state), "no point"
    if flow.jumps:
        stable = found.state[found.stable]
    else:
        x = found.state.astype(float)
        assert np.abs(flow.residual(x)).max() < 10 * tol * max(1.0, length(x).max())
        for row, index in zip(x, found.index, strict=True):
            unstable, margin = flow.index(row)
            assert unstable == index or margin < 1e-4, (row, index, unstable)
        assert (found.stable == (found.index == 0)).all()
        stable = x[found.stable]
    if flow.forces is None:
        known = found.state if not flow.jumps else stable
        energies = found.energy if not flow.jumps else found.energy[found.stable]
        away = energies - flow.energy(known.astype(float))
        assert np.ptp(away) < 100 * tol, away
    if found.weights is not None:
        assert np.abs(found.weights - flow.weights(found.activation)).max() < 100 * tol
    if not everything:
        return
    brute = flow.stable_points()
    for row in brute:
        assert same(case, stable, row, 10).any(), f"{row} is missing among {stable}"
    for row in stable:
        assert same(case, brute, row, 10).any(), f"{row} is not among {brute}"


# --------------------------------------------------------------------------------------------------- the census


@verb(
    "find_fixed_points",
    plain=lambda case: case.census,
    whole=lambda case: analysis.find_fixed_points(case.memory, batches=2, reduction=False),
)
def _census(case, found):
    check_points(case, case.flow, found)


@verb(
    "find_fixed_points",
    starts=lambda case: analysis.find_fixed_points(case.memory, case.asked(case.cues), eigenvalues=2),
)
def _census_from_cues(case, found):
    check_points(case, case.flow, found, everything=False)


@verb("find_fixed_points", slow="deflate", deflate=lambda case: analysis.find_fixed_points(case.memory, deflate=True))
def _census_deflated(case, found):
    check_points(case, case.flow, found)


@verb("spectrum", plain=lambda case: analysis.spectrum(case.memory, case.census.state, k=99))
def _spectrum(case, found):
    flow, x = case.flow, case.census.state.astype(float)
    if flow.jumps or flow.origin:
        assert np.isnan(found.eigenvalues).all() or found.marginal.all()
        return
    for row, values, index in zip(x, found.eigenvalues, found.index, strict=True):
        J = flow.jacobian(row)
        own = -np.linalg.eigvals(J if flow.forces is None else J / flow.tau[:, None])
        if flow.rays:
            own = np.delete(own, np.abs(own).argmin())
        own, values = np.sort(own.real), np.sort(values.real)
        assert (own < 0).sum() == index
        values = values[: len(own)]  # a neutral direction is left out, or last
        assert np.abs(own - values[: len(own)]).max() < 1e3 * case.tolerance, (own, values)


def _beside(case):
    rng = np.random.default_rng(2)
    x = case.census.state
    return (x + 1e-3 * rng.normal(size=x.shape)).astype(x.dtype)


@verb(
    "polish",
    plain=lambda case: analysis.polish(case.memory, _beside(case)),
    krylov=lambda case: analysis.polish(case.memory, _beside(case), method="krylov"),
)
def _polished(case, found):
    flow = case.flow
    if flow.origin:
        assert not found.converged.any()  # there is no derivative at the origin
        return
    assert found.converged.all()
    assert np.abs(flow.residual(found.x.astype(float))).max() < 10 * case.tolerance
    assert same(case, found.x, case.census.state, 10).all()


@verb("field", plain=lambda case: analysis.field(case.memory))
def _field(case, found):
    flow, tol = case.flow, case.tolerance
    rows = flow.random(6, 1)
    x = found.asarray(rows.astype(to_numpy(found.like).dtype))
    rows = to_numpy(x).astype(float)
    assert np.abs(to_numpy(found.start(case.asked(case.cues))) - flow.start(case.cues)).max() < tol
    assert np.abs(to_numpy(found.velocity(x)) - flow.velocity(rows)).max() < tol
    if flow.forces is None:
        assert np.ptp(to_numpy(found.energy(x)) - flow.energy(rows)) < tol
    else:
        assert np.isnan(to_numpy(found.energy(x))).all()
    if not flow.jumps:
        J = flow.jacobian(rows)
        assert np.abs(to_numpy(found.jacobian(x)) - J).max() < 1e3 * tol


# --------------------------------------------------------------------------------------------------- the basins


def _labelled(case, found, cues, flow=None):
    """Labels against LSODA; none may be wrong, and none open."""
    if case.flow.origin:  # the forces have a pole at the only point of rest, so that none is proved to be reached
        assert (found.labels == -2).all() or (found.fixed_points.state[found.labels] == 0).all()
        return
    ends = reached(case, cues, flow)
    assert (found.labels >= 0).all(), found.labels
    points = value(case, found.fixed_points.activation)[found.labels]
    assert same(case, points, ends, 100).all(), (found.labels, points, ends)
    check_points(case, case.flow, found.fixed_points, everything=False)
    assert (found.counts == np.bincount(found.labels, minlength=len(found.counts))).all()


@verb(
    "basins_of_attraction",
    plain=lambda case: analysis.basins_of_attraction(case.memory, case.asked(case.cues)),
    known=lambda case: analysis.basins_of_attraction(case.memory, case.asked(case.cues), case.census, timed=False),
)
def _basins(case, found):
    _labelled(case, found, case.cues)


@verb(
    "basins_of_attraction",
    network=lambda case: analysis.basins_of_attraction(case.memory, case.asked(case.cues), dynamics="network"),
)
def _basins_of_the_network(case, found):
    ends = reached(case, case.cues, case.delayed)
    assert (found.labels >= 0).all(), found.labels
    points = value(case, found.fixed_points.activation)[found.labels]
    assert same(case, points, ends, 100).all(), (found.labels, points, ends)


@verb(
    "basins_of_attraction",
    map=lambda case: analysis.basins_of_attraction(case.memory, case.asked(case.cues), dynamics="map"),
)
def _basins_of_the_map(case, found):
    flow = case.flow
    points = value(case, found.fixed_points.activation)[found.labels]
    if len(flow.neurons) == 1 and case.similarity in ("", "dot", "euclidean", "kl", "cosine"):
        ends, settled = flows.updated(flow, case.similarity, case.cues)
        assert ((found.labels >= 0) == settled).all(), (found.labels, settled)
        assert same(case, points, flow.activation(ends), 100)[settled].all(), (found.labels, points, ends)
    else:
        assert (found.labels >= 0).all(), found.labels
    if not flow.jumps:
        check_points(case, flow, found.fixed_points, everything=False)


@verb(
    "basins_of_attraction",
    noisy=lambda case: analysis.basins_of_attraction(case.memory, Noisy(2, 0.05), case.census),
    masked=lambda case: analysis.basins_of_attraction(case.memory, Masked(1, 0.4, 0.1), case.census),
    sphere=lambda case: analysis.basins_of_attraction(case.memory, Sphere(3, 0.4), case.census),
    told=lambda case: analysis.basins_of_attraction(
        analysis.field(case.memory, patterns=case.asked(case.patterns)), Noisy(2, 0.05), case.census
    ),
    slow="noisy masked sphere told",
)
def _basins_of_a_sampler(case, found):
    assert found.labels.size == found.source.size
    check_points(case, case.flow, found.fixed_points, everything=False)
    stable = case.census.activation[case.census.stable]
    for row in value(case, found.fixed_points.activation)[found.labels[found.labels >= 0]]:
        assert same(case, value(case, stable), row, 100).any()


def _corners(case):
    a, b = case.patterns[:2]
    c = case.patterns[2] if len(case.patterns) > 2 else np.roll(a, 1)
    return tuple(map(case.asked, (a, b, c)))


@verb("basin_slice", plain=lambda case: analysis.basin_slice(case.memory, *_corners(case), resolution=6))
def _slice(case, found):
    rows, columns = np.nonzero(found.labels >= 0)
    assert len(rows) >= 2
    pick = slice(None, None, max(1, len(rows) // 4))
    cues = found.state(found.s[columns[pick]], found.t[rows[pick]])
    labels = found.labels[rows[pick], columns[pick]]
    points = value(case, found.fixed_points.activation)[labels]
    assert same(case, points, reached(case, cues), 100).all()
    flow = case.flow
    energies = found.energy[rows, columns]
    states = flow.start(found.state(found.s[columns], found.t[rows]))
    if flow.forces is None:
        assert np.ptp(energies - flow.energy(states)) < 100 * case.tolerance
    outside = ~np.isin(found.labels, (-3,)).ravel()
    if case.sort == "shares":
        grid = found.state(found.s[None, :], found.t[:, None]).reshape(-1, 3)
        assert (outside == (grid > 0).all(-1)).all()


def _around(center, radius, norm, positive, count=6):
    """States at a distance, in random directions."""
    rng = np.random.default_rng(6)
    u = rng.normal(size=(count, len(center)))
    u = u / np.linalg.norm(u, ord=int(norm), axis=-1, keepdims=True)
    states = center + radius * u
    return states[(states > 0).all(-1)] if positive else states


@verb(
    "basin_radius",
    plain=lambda case: analysis.basin_radius(case.memory, 0, directions=8),
    slow="point known state",
    state=lambda case: analysis.basin_radius(case.memory, case.asked(case.patterns)[0], directions=4),
    point=lambda case: analysis.basin_radius(case.memory, 1, around="fixed point", directions=8),
    known=lambda case: analysis.basin_radius(case.memory, 0, fixed_points=case.census, directions=4),
)
def _radius(case, found):
    flow = case.flow
    home = reached(case, [found.center])[0]
    assert same(case, value(case, found.attractor), home, 100)
    if found.certified:
        assert found.certified <= found.adversarial
        near = _around(found.center, 0.99 * found.certified, found.norm, case.sort == "shares")
        ends = flow.activation(flow.ends(flow.start(near)))
        assert same(case, value(case, ends), home, 1000).all()
    if found.witness is None:
        assert found.adversarial == np.inf
        return
    away = np.linalg.norm(found.witness - found.center, ord=int(found.norm))
    assert abs(away - found.adversarial) < 1e-6 * (1 + away) + case.tolerance
    if found.adversarial > 0:
        room = case.tolerance if flow.jumps else 0.0  # of Euler's steps near kinks
        beyond = found.center + (1 + room) * (found.witness - found.center)
        assert not same(case, reached(case, [beyond])[0], home, 1000 * min(1.0, 1e-5 / case.tolerance))


@verb(
    "certified_radii",
    plain=lambda case: analysis.certified_radii(case.memory),
    rows=lambda case: analysis.certified_radii(case.memory, [1, -1]),
)
def _certified(case, found):
    flow = case.flow
    for row, radius, inner in zip(found.rows, found.radius, found.inner, strict=True):
        if radius > 0:
            center = case.patterns[row]
            home = reached(case, [center])[0]
            assert np.linalg.norm(home - center, ord=int(found.norm)) <= inner + 10 * case.tolerance
            ends = flow.activation(flow.ends(flow.start(_around(center, 0.99 * radius, found.norm, False))))
            assert same(case, ends, home, 1000).all()


@verb("trapping_radii", plain=lambda case: analysis.trapping_radii(case.memory, case.asked(_three(case))))
def _trapping(case, found):
    flow = case.flow
    for point, radius in zip(_three(case), found, strict=True):
        if radius > 0:
            ends = flow.ends(flow.start(_around(point, 0.99 * radius, "2", False)))
            assert same(case, ends, point, 1000).all()


def _three(case):
    """As many stable points as there are patterns."""
    stable = value(case, case.census.activation[case.census.stable])
    return np.resize(stable, case.patterns.shape)


# ------------------------------------------------------------------------------------------------- the landscape


def _grid(case, flow, minima):
    """The minimax energies between minima of two coordinates, on a grid, and by how much a finer one differs."""
    answers = []
    if flow.rays:
        for n in (720, 1440):
            angle = np.linspace(-np.pi, np.pi, n, endpoint=False)
            levels = flow.energy(np.stack([np.cos(angle), np.sin(angle)], -1))
            places = np.array([np.abs(np.exp(1j * angle) - np.exp(1j * np.arctan2(y, x))).argmin() for x, y in minima])
            around = np.stack([levels, levels])  # a ring, cut open where it is highest
            shift = int(levels.argmax())
            around = np.roll(around, -shift, axis=1)
            nodes = np.stack([0 * places, (places - shift) % n], -1)
            answers.append(flows.minimax(around, nodes))
        return answers[1], np.abs(answers[1] - answers[0]).max()
    low, high = minima.min(0), minima.max(0)
    pad = 0.5 * (high - low).max() + 0.3
    for n in (61, 121):
        sides = [np.linspace(a - pad, b + pad, n) for a, b in zip(low, high, strict=True)]
        grid = np.stack(np.meshgrid(*sides, indexing="ij"), -1)
        states = grid if flow.reduced is None else flow.reduced(grid)
        levels = flow.energy(states)
        places = np.stack([np.abs(sides[k][:, None] - minima[:, k]).argmin(0) for k in range(2)], -1)
        answers.append(flows.minimax(levels, places))
    return answers[1], np.abs(answers[1] - answers[0]).max()


def _coordinates(flow, states):
    """Of states, the two that the grid is laid over."""
    if flow.size == 2:
        return states
    first = flow.neurons[0].size
    return states[:, first : first + 2] if len(flow.neurons) == 3 else states[:, :2]


@verb(
    "landscape",
    plain=lambda case: analysis.landscape(case.flat[0]),
    slow="pairs",
    pairs=lambda case: analysis.landscape(case.flat[0], pairs="all", images=21, climbs=0, reduction=False),
)
def _landscape(case, found):
    flow = case.flat[1]
    minima, tol = found.minima.astype(float), case.tolerance
    brute = flow.stable_points()
    for row in brute:
        assert same(case, flow.canonical(minima), row, 100).any(), f"{row} is missing among {minima}"
    assert len(minima) == len(brute)
    if not flow.jumps and not flow.origin and len(found.saddles):
        assert np.abs(flow.residual(found.saddles.astype(float))).max() < 100 * tol
        assert all(flow.index(x)[0] == 1 for x in found.saddles.astype(float))
        energies = np.concatenate([found.energy, found.saddle_energy])
        states = np.concatenate([minima, found.saddles])
        assert np.ptp(energies - flow.energy(states.astype(float))) < 100 * tol
    if flow.size > 2 and flow.reduced is None:
        return
    offset = float(np.mean(found.energy - flow.energy(minima)))
    grid, unsure = _grid(case, flow, _coordinates(flow, minima))
    passes = found.passes if not flow.jumps else found.upper
    room = 4 * unsure + 2e-3 * max(np.ptp(grid), 1e-3)
    apart = ~np.eye(len(minima), dtype=bool)
    assert (np.abs(passes - offset - grid)[apart] < room + (0.1 * np.ptp(grid) if flow.jumps else 0)).all(), (
        passes - offset,
        grid,
        room,
    )


@verb(
    "string_method",
    plain=lambda case: analysis.string_method(case.memory, *_two(case)),
    short=lambda case: analysis.string_method(case.memory, *_two(case), images=9, steps=20),
)
def _strings(case, found):
    flow = case.flow
    start, end = _two(case)
    path = found.path[0].astype(float)
    assert same(case, path[0], start, 100)
    assert same(case, path[-1], end, 100)
    assert np.ptp(found.energy[0] - flow.energy(path)) < 100 * case.tolerance
    inner = path[:-1, None] + np.linspace(0, 1, 9)[:, None] * np.diff(path, axis=0)[:, None]
    offset = found.energy[0, 0] - flow.energy(path[:1])[0]
    assert found.bound[0] >= flow.energy(inner).max() + offset - 100 * case.tolerance
    gaps = length(np.diff(path, axis=0))
    assert gaps.max() < 1.5 * gaps.mean()


def _two(case):
    """The first two stable points, or a point and what lies beside it."""
    stable = case.census.state[case.census.stable]
    return (stable[0], stable[1]) if len(stable) > 1 else (stable[0], stable[0] + 0.1)


# ------------------------------------------------------------------------------------------- parameters and advice


@verb(
    "continue_fixed_points",
    plain=lambda case: analysis.continue_fixed_points(case.flat[0], "beta", *case.sweep, step=0.1, points=150),
    slow="callable",
    callable=lambda case: analysis.continue_fixed_points(
        lambda b: case.made(_flat(case), b), "gain", *case.sweep, step=0.1, points=150, switch=False
    ),
)
def _continued(case, found, everything=True):
    low, high = case.sweep
    assert found.branches
    tol = case.tolerance
    for branch in found.branches:
        for p, row in list(zip(branch.parameter, branch.state, strict=True))[::7]:
            rest = case.written(_flat(case), p).residual(row)
            assert np.abs(rest).max() < 10 * tol * max(1.0, length(row)), (p, row, rest)
    for place in (0.13, 0.5, 0.87):
        beta = low + place * (high - low)
        flow = case.written(_flat(case), beta)
        states, stable = found.at(beta)
        zeros = flow.zeros(np.concatenate([states, flow.random(80, 4)]))
        assert len(zeros)
        for row, calm in zip(states, stable, strict=True):
            assert np.abs(flow.residual(row)).max() < 10 * tol * max(1.0, length(row)), (beta, row)
            assert length(zeros - flow.canonical(row)).min() < 100 * tol, (beta, row)
            growing, margin = flow.index(row)
            assert calm == (growing == 0) or margin < 1e-4, (beta, row)
        if len(found.branches) > 1 and everything:
            reach = [flow.canonical(row) for row in states[stable]]
            for row in flow.stable_points():
                assert min(length(row - other) for other in reach) < 100 * tol, (beta, row, states)
    for event in found.bifurcations:
        flow = case.written(_flat(case), event.parameter)
        x = event.coordinates
        if len(x) == flow.size:
            assert np.abs(flow.residual(x)).max() < 1e-5
            assert flow.index(x)[1] < 1e-2


@verb(
    "continue_fixed_points",
    slow="queries",
    queries=lambda case: analysis.continue_fixed_points(
        case.flat[0], "beta", *case.sweep, queries=case.asked(_flat(case)), step=0.1, points=150
    ),
)
def _continued_from_patterns(case, found):
    _continued(case, found, case.name != "tied-autoencoder")  # to one of its pairs of points no pattern leads


def _flat(case):
    from .cases import FLAT

    return FLAT[case.sort]


@verb("critical_beta", plain=lambda case: analysis.critical_beta(case.memory))
def _critical(case, found):
    if not np.isfinite(found.critical):
        return
    below = case.written(case.patterns, 0.98 * found.unique_below)
    assert len(below.zeros(below.random(60, 2))) == 1
    # The one fixed point of small beta, followed by Newton's method alone.
    x = below.zeros(below.random(60, 2))
    for beta in np.geomspace(0.98 * found.unique_below, (1 - 1e-3) * found.critical, 60):
        flow = case.written(case.patterns, beta)
        x = flow.zeros(x)
        assert len(x) == 1
    assert flow.index(x[0])[0] == 0
    assert flow.index(x[0])[1] < 0.1
    beyond = case.written(case.patterns, (1 + 1e-3) * found.critical)
    zeros = beyond.zeros(x)
    assert not len(zeros) or length(zeros - x).min() > 1e-2 or beyond.index(zeros[0])[0] > 0


@verb(
    "beta_advice",
    plain=lambda case: analysis.beta_advice(case.memory),
    target=lambda case: analysis.beta_advice(case.memory, target=0.8),
)
def _advised(case, found):
    flow, M = case.flow, case.patterns
    own = np.diag(flow.weights(M))
    assert np.abs(found.own_weight - own).max() < 10 * case.tolerance
    for row, beta in enumerate(found.needed):
        if np.isfinite(beta) and beta > 0:
            weight = case.written(M, beta).weights(M[row : row + 1])[0, row]
            assert abs(weight - found.target) < 10 * case.tolerance
    ends = reached(case, M)
    assert (found.recalled == (np.diag(flow.weights(ends)) >= found.target)).all()
    for row, beta in enumerate(found.certified):
        if np.isfinite(beta):
            there = case.written(M, 1.01 * beta)
            end = there.end(there.start(M[row : row + 1])[0])
            assert there.weights(end)[row] >= found.target
    below = case.written(M, 0.98 * found.unique_below)
    assert len(below.zeros(below.random(60, 2))) == 1


def _shares(case, cues):
    """Weights scaled to sum to one, by the formula."""
    if case.written is None:  # recall only: bits that differ, or distances over their mean
        M, q = case.patterns, np.asarray(cues, float)[..., None, :]
        s = -(q != M).sum(-1) if case.name == "hamming" else _normalised(np.abs(M - q).sum(-1))
        p = np.exp(case.beta * (s - s.max(-1, keepdims=True)))
    else:
        p = case.flow.weights(cues)
    return p / p.sum(-1, keepdims=True)


def _normalised(d):
    inverse = 1 / d
    return inverse / inverse.sum(-1, keepdims=True)


def _bits(case):
    """The cues, of two values where nothing else is taken."""
    return np.sign(case.cues) if case.name == "hamming" else case.cues


def _binary(case):
    return np.sign(case.cues) if case.entry in ("dense", "exponential", "sdm") else _bits(case)


@verb(
    "effective_memories",
    plain=lambda case: analysis.effective_memories(case.memory, case.asked(_bits(case))),
    entropy=lambda case: analysis.effective_memories(case.memory, case.asked(_bits(case)), measure="entropy"),
)
def _effective(case, found):
    p = _shares(case, _bits(case))
    logs = np.where(p > 0, np.log(np.where(p > 0, p, 1)), 0)
    participation, entropy = 1 / (p * p).sum(-1), np.exp(-(p * logs).sum(-1))
    right = [np.abs(found - number).max() < 1e3 * case.tolerance for number in (participation, entropy)]
    assert any(right), (found, participation, entropy)


@verb("metastability", plain=lambda case: analysis.metastability(case.memory, case.asked(_binary(case))))
def _metastable(case, found):
    flow = case.flow
    p = _shares(case, found.state)
    assert (found.pattern == p.argmax(-1)).all()
    assert np.abs(found.weight - p.max(-1)).max() < 1e3 * case.tolerance
    ordered = np.cumsum(-np.sort(-p, -1), -1)
    unsure = (np.abs(ordered - 0.9) < 1e-6).any(-1)
    assert ((found.size == 1 + (ordered < 0.9).sum(-1)) | unsure).all()
    assert found.converged.all()
    if case.entry in ("dense", "exponential"):  # no bit that flips may lower the energy
        s = np.asarray(found.state, float)
        turned = s[:, None, :] * (1 - 2 * np.eye(s.shape[-1]))
        assert (flow.synapses(turned) >= flow.synapses(s)[:, None] - 1e-9).all()
    elif not flow.jumps and not flow.origin and len(flow.neurons) == 1:
        x = flow.neurons[0].dual(np.asarray(found.state, float))
        assert np.abs(flow.residual(x)).max() < 1e-3


# ------------------------------------------------------------------------------------------------- trajectories


@functools.cache
def run_of(case):
    """A simulation of the cues, all states kept."""
    return simulate(case.memory, case.asked(case.cues), t1=30.0, save="all", stop="steady")


@verb(
    "check_lyapunov",
    plain=lambda case: analysis.check_lyapunov(case.memory, run_of(case)),
    alone=lambda case: analysis.check_lyapunov(None, run_of(case)),
)
def _falls(case, found):
    flow, run = case.delayed, run_of(case)
    if flow.forces is not None:
        assert not found.holds
        assert found.cause == "model"
        return
    states = _joined(run)
    energy = flow.energy(states)
    assert np.ptp((to_numpy(run.energy) - energy)[0]) < 100 * case.tolerance
    rises = np.diff(energy, axis=0).max()
    rounding = 16 * max(np.finfo(to_numpy(run.energy).dtype).eps, 1e-12) * max(1.0, np.abs(energy).max())
    assert found.holds == (rises < 1e-3 * case.tolerance + rounding), (found, rises)
    assert abs(found.max_increase - np.diff(to_numpy(run.energy), axis=0).max()) < rounding


def _joined(run):
    return np.concatenate([to_numpy(x) for x in run.states.values()], -1).astype(float)


def _begun(case):
    """States to begin with, or what they would be."""
    cues = case.asked(case.cues)
    return dict(case.memory.start(cues)) if hasattr(case.memory, "start") else {"value": cues}


@verb(
    "check_lyapunov",
    states=lambda case: analysis.check_lyapunov(case.memory, _begun(case)),
)
def _rates(case, found):
    flow = case.delayed
    rate = flow.energy_rate(flow.start(case.cues))
    assert found.holds == (rate.max() < 1e-6)
    assert abs(found.max_rate - rate.max()) < 1e-5 + 100 * case.tolerance, (found, rate)


def _told(trajectory, memory=None):
    """What the assertion says; nothing where it holds."""
    try:
        analysis.assert_energy_decreases(trajectory, memory)
    except AssertionError as error:
        return str(error)
    return ""


@verb(
    "assert_energy_decreases",
    plain=lambda case: _told(run_of(case)),
    memory=lambda case: _told(run_of(case), case.memory),
)
def _asserted(case, found):
    """It holds where there is an energy, and a run whose energies are turned round is found out."""
    if case.flow.forces is not None:
        assert "no energy belongs to their forces" in found
        return
    assert not found
    run = run_of(case)
    energy = run.energy.flip(0) if case.name == "modern-torch" else run.energy[::-1]
    assert "rises" in _told(dataclasses.replace(run, energy=energy), case.memory)


@verb("summarise", plain=lambda case: analysis.summarise(case.memory, run_of(case), _targets(case)))
def _summed_up(case, found):
    M = case.patterns
    ends = value(case, case.delayed.activation(_joined(run_of(case))[-1]))
    if case.similarity == "cosine":
        near = (ends @ M.T / length(M)).argmax(-1)
    else:
        near = ((ends[:, None] - M) ** 2).sum(-1).argmin(-1)
    assert (found.nearest == near).all()
    assert found.samples == len(ends)
    opposite = length(ends + M[near]) < length(ends - M[near])
    assert found.recalled == ((near == _targets(case)) & ~opposite).sum()
    assert abs(found.distance - np.median(np.sqrt(((ends - M[near]) ** 2).mean(-1)))) < 10 * case.tolerance
    row = analysis.recall_table({"cues": found})
    assert row.row_count == 1


def _targets(case):
    count = len(case.patterns)
    return np.concatenate([np.repeat(np.arange(count), 2), [0, 1]])


@verb(
    "plot_overlaps",
    plain=lambda case: analysis.plot_overlaps(case.memory, run_of(case), 1, target=0),
    weight=lambda case: analysis.plot_overlaps(case.memory, run_of(case), 1, measure="weight"),
    similarity=lambda case: analysis.plot_overlaps(case.memory, run_of(case), 1, measure="similarity"),
)
def _overlaps(case, found):
    from matplotlib.collections import LineCollection

    M = case.patterns
    g = value(case, case.delayed.activation(_joined(run_of(case))[-1]))[1]
    sim = flows.SIMILARITIES.get(case.similarity or "dot")
    wanted = [g @ M.T / length(M) / length(g), sim(M, g)]
    wanted += [g @ M.T / M.shape[1]] if case.entry == "classical" else []
    wanted += [] if case.flow.weights is None else [case.flow.weights(g)]
    drawn = [line.get_ydata()[-1] for line in found.lines if len(line.get_ydata()) > 2]
    for lines in (c for c in found.collections if isinstance(c, LineCollection)):
        drawn += [segment[-1, 1] for segment in lines.get_segments()]
    plt.close("all")
    drawn = np.sort(np.array(drawn, float))
    fits = [len(drawn) == len(w) and np.abs(drawn - np.sort(w)).max() < 100 * case.tolerance for w in wanted]
    assert any(fits), (drawn, wanted)


@verb(
    "plot_recall",
    plain=lambda case: analysis.plot_recall(
        case.memory, case.cues, case.patterns[_targets(case)], (1, case.patterns.shape[1]), targets=_targets(case)
    ),
)
def _pictures(case, found):
    shown = [np.asarray(image.get_array()).ravel() for ax in found.get_axes() for image in ax.get_images()]
    plt.close(found)
    low, high = case.patterns.min(), case.patterns.max()
    for row in (case.patterns[_targets(case)] - low) / (high - low):  # from black to white
        assert any(image.size == row.size and np.abs(image - row).max() < 1e-6 for image in shown)
    assert f"{len(case.cues)} of {len(case.cues)} recalled" in found.get_suptitle()


@verb(
    "times_that_fit",
    plain=lambda case: analysis.times_that_fit(case.memory, 10, 100.0, 0.1, limit=4000),
    whole=lambda case: analysis.times_that_fit(case.memory, 10, 100.0, 0.1, every_population=True, limit=4000),
)
def _times(case, found):
    width = case.patterns.shape[1] if found.size * 10 * case.delayed.size * 8 > 4000 else case.delayed.size
    item = 4 if case.name == "modern-float32" else 8
    assert found[0] == 0
    assert found[-1] == 100
    assert np.ptp(np.diff(found)) < 1e-9
    assert found.size * 10 * width * item <= 4000 or found.size == 2
