"""No answer depends on the units of time, energy or patterns: in other units it is the same, scaled."""

import numpy as np
import pytest

from helpers import few
from hopfield import simulate
from hopfield.analysis import (
    Noisy,
    assert_energy_decreases,
    basin_radius,
    basin_slice,
    basins_of_attraction,
    beta_advice,
    certified_radii,
    check_lyapunov,
    continue_fixed_points,
    critical_beta,
    disconnectivity_tree,
    effective_memories,
    energy_network,
    field,
    find_fixed_points,
    landscape,
    metastability,
    plot_overlaps,
    polish,
    spectrum,
    string_method,
    summarise,
    trapping_radii,
)
from hopfield.dynamics import LogCosh, Network, Population, Recurrent, Relaxation
from hopfield.models import (
    ClassicalHopfield,
    DenseAssociativeMemory,
    ExponentialMemory,
    ModernHopfield,
    UniversalHopfield,
)

PATTERNS = np.random.default_rng(5).normal(size=(3, 4))
CUES = PATTERNS + 0.3 * np.random.default_rng(6).normal(size=(3, 4))
BETA = 3.0
ENERGY = {"dot": 2, "euclidean": 2, "manhattan": 1, "cosine": 0}  # the power of a length in energies and 1/beta
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


def drawn(unit):
    found = basins_of_attraction(unit.memory, Noisy(10, 0.2 * unit.length**2), seed=2, timed=False)
    return [found.pattern, found.recalled, found.counts]


def as_network(unit):
    """Of the adiabatic network, without the memory, and of the field of it."""
    network = unit.memory.adiabatic().network
    own = field(network, patterns=unit.length * PATTERNS)
    found, again = basins_of_attraction(own, unit.cues), find_fixed_points(own, unit.cues)
    bare = spectrum(network, again.state)
    return [found.pattern, found.convergence_time / unit.time, again.kind, again.state / unit.length, bare.index]


def radius(unit):
    found = basin_radius(unit.memory, 0, directions=2)
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
    steps = Relaxation(0.1 * unit.time)
    run = simulate(unit.memory, unit.cues, t1=3.0 * unit.time, integrator=steps, save="all")
    return [check_lyapunov(unit.memory, unit.cues).holds, check_lyapunov(unit.memory, run).holds]


def retrieved(unit):
    found, weights = metastability(unit.memory, unit.cues), effective_memories(unit.memory, unit.cues)
    return [found.pattern, found.size, found.converged, weights]


def summed_up(unit):
    run = simulate(unit.memory, unit.cues, t1=30.0 * unit.time, integrator=Relaxation(0.1 * unit.time), save="all")
    assert_energy_decreases(run, unit.memory)
    found, lines = summarise(unit.memory, run, targets=[0, 1, 2]), plot_overlaps(unit.memory, run).lines
    shown = [np.asarray(line.get_ydata(), dtype=float) for line in lines]
    return [found.nearest, found.recalled, found.converged, found.distance / unit.length, found.lyapunov.holds, *shown]


def spectra(unit):
    found = spectrum(unit.memory, find_fixed_points(unit.memory, unit.cues).state)
    return [np.sort(found.index), found.marginal]


def polished(unit):
    found = polish(unit.memory, unit.cues)
    return [found.converged, np.where(found.converged[:, None], found.x, 0) / unit.length]


def certified(unit):
    return [certified_radii(unit.memory).radius / unit.length]


def trapped(unit):
    points = find_fixed_points(unit.memory, unit.cues).state
    return [trapping_radii(unit.memory, points) / unit.length]


def tree(unit):
    found = disconnectivity_tree(landscape(unit.memory))
    return [len(found), sorted(energy / unit.energy for _, energy in found.nodes(data="energy"))]


FAST = [census, basins, drawn, as_network, plane, strings, lyapunov, retrieved, summed_up]
EVERYWHERE = [(verb, similarity) for verb in FAST for similarity in ENERGY] + [
    *((verb, similarity) for verb in (spectra, polished) for similarity in ("dot", "euclidean", "cosine")),
    *((verb, similarity) for verb in (critical, advice, trapped) for similarity in ("dot", "euclidean")),
    *((certified, similarity) for similarity in ("dot", "euclidean", "manhattan")),
    (barriers, "euclidean"),
]
LONG = [
    *(
        (verb, similarity)
        for verb in (radius, barriers)
        for similarity in ENERGY
        if (verb, similarity) not in EVERYWHERE
    ),
    *((branches, similarity) for similarity in ("dot", "euclidean", "cosine")),
    *((tree, similarity) for similarity in ("dot", "euclidean", "cosine")),
]
CELLS = [
    *(
        pytest.param(verb, similarity, "tiny and slow", marks=() if similarity == "euclidean" else pytest.mark.broad)
        for verb, similarity in EVERYWHERE
    ),
    *(
        pytest.param(verb, similarity, units, marks=pytest.mark.slow)
        for verb, similarity in (*EVERYWHERE, *LONG)
        for units in UNITS
        if units != "tiny and slow" or (verb, similarity) in LONG
    ),
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


@pytest.mark.parametrize(("verb", "similarity", "units"), CELLS)
def test_the_same_answer_in_other_units(verb, similarity, units, plain):
    agree(plain(verb, similarity), verb(Unit(similarity, *UNITS[units])), 1e-5)


FLOAT32 = [
    pytest.param(
        verb,
        similarity,
        units,
        marks=pytest.mark.slow if verb is barriers else () if similarity == "euclidean" else pytest.mark.broad,
    )
    for verb in (census, basins, retrieved, barriers, lyapunov)
    for similarity in ENERGY
    for units in ("tiny", "large")
]


@pytest.mark.parametrize(("verb", "similarity", "units"), FLOAT32)
def test_the_same_answer_in_float32(verb, similarity, units):
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
@pytest.mark.parametrize("unit", [1e-8, pytest.param(1e6, marks=pytest.mark.slow)])
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


@pytest.mark.parametrize("unit", [1e-8, *(pytest.param(unit, marks=pytest.mark.slow) for unit in (1.0, 1e8))])
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


@pytest.mark.slow
def test_three_folds_of_tiny_patterns_are_three():

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


# ------------------------------------------------------------------------------------------------ neighbours


def two_clocks(similarity, length, time):
    """A memory whose memory neurons have a time constant of their own."""
    unit = Unit(similarity, length, time)
    times = {"tau_value": time, "tau_memory": 0.3 * unit.time}
    return unit, UniversalHopfield(length * PATTERNS, similarity, beta=unit.beta, **times)


@pytest.mark.parametrize("units", ["slow", "tiny", "large"])
@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
def test_labels_of_networks_with_two_time_constants_do_not_depend_on_units(similarity, units):
    answers = []
    for length, time in ((1.0, 1.0), UNITS[units]):
        unit, memory = two_clocks(similarity, length, time)
        found = basins_of_attraction(memory, unit.cues, dynamics="network")
        answers.append([found.pattern, found.convergence_time / unit.time])
    np.testing.assert_array_equal(answers[0][0], answers[1][0])
    np.testing.assert_allclose(answers[0][1], answers[1][1], rtol=1e-2)


CATALOGUE = {
    "dense": lambda length, tau: DenseAssociativeMemory(BITS, n=4, tau_value=tau, tau_memory=0.0),
    "exponential": lambda length, tau: ExponentialMemory(BITS, tau_value=tau, tau_memory=0.0),
    "classical": lambda length, tau: ClassicalHopfield(BITS, tau_value=tau),
}
BITS = np.random.default_rng(3).choice([-1.0, 1.0], (2, 6))


@pytest.mark.parametrize("name", CATALOGUE)
def test_memories_of_bits_do_not_depend_on_the_unit_of_time(name):
    answers = []
    for tau in (1.0, 1e8):
        memory = CATALOGUE[name](1.0, tau)
        cues = 0.8 * BITS * np.where(np.arange(6) == 2, 0.3, 1.0)
        found, points = basins_of_attraction(memory, cues), find_fixed_points(memory, cues)
        answers.append([found.pattern, found.convergence_time / tau, points.kind, points.state, points.eigenvalues])
    agree(*answers, 1e-5)


@pytest.mark.parametrize("length", [1e-6, 1e7])
def test_a_cue_is_steady_in_any_unit_only_where_it_rests(length):
    """The forces of manhattan are sums of signs: between the patterns they are as strong whatever the unit is."""
    memory = UniversalHopfield(length * PATTERNS, "manhattan", beta=BETA / length, tau_memory=0.0)
    run = simulate(memory, length * CUES, t1=0.01 * length, integrator=Relaxation(0.01 * length))
    plain = simulate(Unit("manhattan").memory, CUES, t1=0.01, integrator=Relaxation(0.01))
    assert not run.converged.any()
    np.testing.assert_allclose(run.residual, plain.residual, rtol=1e-6)


def test_updates_of_max_come_to_rest_whatever_tau_is():
    """Without leak an update at dt = inf has a limit, and a step is as long as the clock, not 1."""
    answers = []
    for tau in (1e-8, 1.0, 1e8):
        memory = UniversalHopfield(PATTERNS, "cosine", "max", tau_value=tau, tau_memory=0.0)
        found = find_fixed_points(memory, CUES)
        answers.append([found.kind, found.pattern, found.stable])
    assert answers[1][0].tolist().count("memory (exact)") == 3
    agree(answers[0], answers[1], 0)
    agree(answers[2], answers[1], 0)


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("tau_memory", few([0.0, 0.1], [0.1]))
@pytest.mark.parametrize("similarity", ENERGY)
def test_the_steps_of_the_default_do_not_depend_on_units(similarity, tau_memory, units):
    """As many steps, to the same states, in any units: memory neurons are as fast beside the value neurons."""

    def run(length, time):
        unit = Unit(similarity, length, time)
        memory = UniversalHopfield(
            length * PATTERNS, similarity, beta=unit.beta, tau_value=time, tau_memory=tau_memory * unit.time
        )
        found = simulate(memory, unit.cues, t1=20.0 * unit.time, stop="steady")
        return [found.steps, found.converged, found.times / unit.time, found.states["value"] / length]

    agree(run(1.0, 1.0), run(*UNITS[units]), 1e-6)
