"""No answer depends on the units of time, energy or patterns: the same memory in other units has the same answer, scaled."""

import numpy as np
import pytest

from hopfield import simulate
from hopfield.analysis import (
    basin_radius,
    basin_slice,
    basins_of_attraction,
    beta_advice,
    certified_radii,
    check_lyapunov,
    continue_fixed_points,
    critical_beta,
    energy_network,
    field,
    find_fixed_points,
    landscape,
    metastability,
    polish,
    spectrum,
    string_method,
)
from hopfield.dynamics import LogCosh, Network, Population, Recurrent
from hopfield.models import UniversalHopfield

PATTERNS = np.random.default_rng(5).normal(size=(3, 4))
CUES = PATTERNS + 0.3 * np.random.default_rng(6).normal(size=(3, 4))
BETA = 3.0
ENERGY = {"dot": 2, "euclidean": 2, "manhattan": 1, "cosine": 0}  # the power of the patterns' unit in energies and 1/beta
UNITS = {"slow": (1.0, 1e8), "tiny": (1e-6, 1.0), "large": (1e4, 1.0), "tiny and slow": (1e-6, 1e8)}


class Unit:
    """A memory whose patterns are in units of `length` and whose times in units of `time`."""

    def __init__(self, similarity, length=1.0, time=1.0, kind=float):
        self.similarity, self.length = similarity, length
        self.energy = length ** ENERGY[similarity]
        self.beta = BETA / self.energy
        self.time = time * (length**2 if similarity == "cosine" else length if similarity == "manhattan" else 1.0)
        patterns = (length * PATTERNS).astype(kind)
        self.memory = UniversalHopfield(patterns, similarity, beta=self.beta, tau_value=time, tau_memory=0.0)
        self.cues = (length * CUES).astype(kind)


def census(unit):
    found = find_fixed_points(unit.memory, batches=4)
    order = np.lexsort(np.round(found.state.T / unit.length, 3))
    values = found.eigenvalues * (unit.length**2 / unit.energy if unit.similarity != "manhattan" else 1.0)
    return [
        found.complete,
        *(np.asarray(part)[order] for part in (found.kind, found.stable, found.index, found.pattern)),
        found.state[order] / unit.length,
        found.energy[order] / unit.energy,
        values[order],
    ]


def basins(unit):
    found = basins_of_attraction(unit.memory, unit.cues)
    return [found.pattern, found.convergence_time / unit.time]


def plane(unit):
    found = basin_slice(unit.memory, *(unit.length * PATTERNS), resolution=9)
    return [found.basins.pattern]


def radius(unit):
    found = basin_radius(unit.memory, 0, directions=16)
    return [found.adversarial / unit.length, (found.certified or 0.0) / unit.length]


def barriers(unit):
    found = landscape(unit.memory)
    rate = found.rate * unit.time
    return [found.barrier / unit.energy, found.upper / unit.energy, rate, found.arc / unit.length, len(found.notes)]


def strings(unit):
    found = string_method(unit.memory, unit.length * PATTERNS[:2], unit.length * PATTERNS[1:])
    return [found.bound / unit.energy, found.path / unit.length]


def branches(unit):
    found = continue_fixed_points(unit.memory, "beta", unit.beta / 4, unit.beta)
    events = sorted((event.parameter / unit.beta, event.kind) for event in found.bifurcations)
    growth = [branch.growth[[0, -1]] * unit.time for branch in found.branches]
    states = [branch.state[[0, -1]] / unit.length for branch in found.branches]
    return [[kind for _, kind in events], [at for at, _ in events], growth, states, len(found.notes)]


def critical(unit):
    found = critical_beta(unit.memory)
    return [found.kind, found.critical / unit.beta, found.unique_below / unit.beta]


def advice(unit):
    found = beta_advice(unit.memory)
    return [found.needed / unit.beta, found.certified / unit.beta, found.recalled]


def lyapunov(unit):
    run = simulate(unit.memory, unit.cues, t1=3.0 * unit.time, save="all")
    return [check_lyapunov(unit.memory, unit.cues).holds, check_lyapunov(unit.memory, run).holds]


def retrieved(unit):
    found = metastability(unit.memory, unit.cues)
    return [found.pattern, found.size]


def spectra(unit):
    found = spectrum(unit.memory, find_fixed_points(unit.memory, unit.cues).state)
    return [np.sort(found.index), found.marginal]


def polished(unit):
    found = polish(unit.memory, unit.cues)
    return [found.converged, np.where(found.converged[:, None], found.x, 0) / unit.length]


def certified(unit):
    return [certified_radii(unit.memory).radius / unit.length]


EVERYWHERE = [census, basins, plane, radius, strings, lyapunov]
SMOOTH = [barriers, branches, spectra, polished]
VERBS = [
    *((verb, similarity) for verb in EVERYWHERE for similarity in ENERGY),
    *((verb, similarity) for verb in SMOOTH for similarity in ("dot", "euclidean", "cosine")),
    *((verb, similarity) for verb in (critical, advice) for similarity in ("dot", "euclidean")),
    *((certified, similarity) for similarity in ("dot", "euclidean", "manhattan")),
    (barriers, "manhattan"),
]


def agree(one, two, rtol):
    assert len(one) == len(two)
    for a, b in zip(one, two, strict=True):
        if isinstance(a, list):
            agree(a, b, rtol)
        elif np.asarray(a).dtype.kind in "fc":
            size = np.abs(np.where(np.isfinite(a), a, 0)).max(initial=0.0)
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * size)
        else:
            np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def plain():
    """The answers in plain units, each computed once."""
    kept = {}

    def answer(verb, similarity):
        if (verb, similarity) not in kept:
            kept[verb, similarity] = verb(Unit(similarity))
        return kept[verb, similarity]

    return answer


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize(("verb", "similarity"), VERBS)
def test_the_same_answer_in_other_units(verb, similarity, units, plain):
    agree(plain(verb, similarity), verb(Unit(similarity, *UNITS[units])), 1e-5)


@pytest.mark.parametrize("units", ["slow", "large"])
@pytest.mark.parametrize("similarity", ENERGY)
def test_what_is_retrieved_does_not_depend_on_units(similarity, units, plain):
    agree(plain(retrieved, similarity), retrieved(Unit(similarity, *UNITS[units])), 1e-5)


@pytest.mark.parametrize("units", ["tiny", "large"])
@pytest.mark.parametrize("verb", [census, barriers, lyapunov])
@pytest.mark.parametrize("similarity", ["dot", "euclidean", "cosine"])
def test_the_same_answer_in_float32(similarity, verb, units):
    agree(verb(Unit(similarity, kind=np.float32)), verb(Unit(similarity, *UNITS[units], kind=np.float32)), 2e-3)


# --------------------------------------------------------------------------------------- energies in other units


def wells(unit):
    """A double well of three variables, tilted, with energies in other units: E = unit * ..."""
    tilt = np.array([0.1, 0.0, -0.05])
    return energy_network(
        lambda x: unit * ((x**2 - 1) ** 2 / 4 + tilt * x).sum(-1),
        3,
        lambda x: unit * (x**3 - x + tilt),
        lambda x, u: unit * (3 * x**2 - 1) * u,
    )


def graded(unit):
    """A graded network whose leak and couplings are in other units, and with them its energy."""
    rows = np.array([[1.0, 1.0, 1.0, 1.0], [1.0, -1.0, 1.0, -1.0]])
    return Network({"x": Population(LogCosh(2.5), 4, leak=unit)}, [Recurrent(("x",), unit * rows.T @ rows / 4)])


@pytest.mark.parametrize("network", [wells, graded])
@pytest.mark.parametrize("unit", [1e-8, 1e6])
def test_energies_in_other_units_have_the_same_points_and_barriers(network, unit):
    plain, other = network(1.0), network(unit)
    one, two = find_fixed_points(plain, batches=4), find_fixed_points(other, batches=4)
    for name in ("kind", "index", "stable", "complete", "morse_sum"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    np.testing.assert_allclose(one.state, two.state, atol=1e-9)
    np.testing.assert_allclose(one.eigenvalues, two.eigenvalues / unit, atol=1e-9)
    np.testing.assert_allclose(one.energy, two.energy / unit, atol=1e-12)
    high, low = landscape(plain, one), landscape(other, two)
    np.testing.assert_allclose(high.barrier, low.barrier / unit, rtol=1e-9)
    np.testing.assert_allclose(high.rate, low.rate / unit, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(high.arc, low.arc, rtol=1e-2)


@pytest.mark.parametrize("unit", [1e-8, 1.0, 1e8])
def test_folds_of_small_forces_are_found(unit):
    """x' = unit (p + x - x^3): folds at -+2/27^(1/2), whatever the unit of the force."""

    def model(p):
        return energy_network(
            lambda x: unit * (x**4 / 4 - x**2 / 2 - p * x).sum(-1),
            1,
            lambda x: unit * (x**3 - x - p),
            lambda x, u: unit * (3 * x**2 - 1) * u,
        )

    found = continue_fixed_points(model, "current", -0.6, 0.6)
    assert [event.kind for event in found.bifurcations] == ["fold", "fold"]
    np.testing.assert_allclose([event.parameter for event in found.bifurcations], [-2 / 27**0.5, 2 / 27**0.5])
    np.testing.assert_allclose(found.branches[0].growth[0] / unit, 1 - 3 * found.branches[0].state[0, 0] ** 2)


def test_three_folds_of_tiny_patterns_are_three():
    from hopfield.models import ModernHopfield

    found = continue_fixed_points(ModernHopfield(1e-6 * np.eye(3)), "beta", 2.5e12, 4e12)
    folds = [event.parameter for event in found.bifurcations if event.kind == "fold"]
    np.testing.assert_allclose(folds, 3 * [2.7456435767e12], rtol=1e-9)


def test_a_field_knows_its_units():
    for similarity in ("dot", "euclidean", "cosine"):
        small, large = (field(Unit(similarity, length).memory) for length in (1e-6, 1.0))
        power = ENERGY[similarity] - 1
        assert small.scale == pytest.approx(1e-6 * large.scale)
        assert small.force == pytest.approx(1e-6**power * large.force, rel=1e-6)
    slow = field(Unit("dot", time=1e8).memory)
    assert slow.clock == pytest.approx(1e8)
    assert slow.force == field(Unit("dot").memory).force
