"""What a package of a user's own adds works as what is here does: a similarity, a separation, a synapse, a method."""

from dataclasses import dataclass

import numpy as np
import pytest
from array_api_compat import array_namespace

from helpers import LIBRARIES, to_library, to_numpy
from hopfield.analysis import basins_of_attraction, certified_radii, find_fixed_points
from hopfield.dynamics import (
    Integrator,
    Lagrangian,
    LogSumExp,
    Network,
    Population,
    Quadratic,
    Relaxation,
    Scaled,
    Similarity,
    Step,
    Synapse,
    simulate,
    static,
    structure,
)
from hopfield.dynamics.integrators import INTEGRATORS
from hopfield.dynamics.integrators._choice import register
from hopfield.models import Euclidean, UniversalHopfield, separations, similarities, similarity

# ------------------------------------------------------------------------------------------ the user's package


@structure
class Minkowski(Similarity):
    """s_i = -sum_k w_k |M_ik - g_k|^p, p >= 2; the weights w (I,) of the columns are all 1 unless given."""

    weights: object = None
    power: float = static(default=3.0)
    name = "minkowski"
    leak = 0.0
    distance = True

    def _parts(self, g):
        return self.patterns - g[..., None, :], 1.0 if self.weights is None else self.weights

    def scores(self, g):
        gaps, weights = self._parts(g)
        return -(abs(gaps) ** self.power * weights).sum(-1)

    def pullback(self, g, f):
        gaps, weights = self._parts(g)
        return self.power * (f[..., None] * abs(gaps) ** (self.power - 2) * gaps * weights).sum(-2)

    def restricted(self, columns):
        weights = None if self.weights is None else self.weights[columns]
        return Minkowski(self.patterns[:, columns], weights, self.power)


class Counted(Similarity):
    """M g divided by numbers of a class that nobody decorated."""

    name = "counted"
    linear = True

    def __init__(self, counts, scale=2.0):
        self.counts, self.scale = counts, scale

    def scores(self, g):
        return self.scale * (g @ self.patterns.T) / self.counts

    def pullback(self, g, f):
        return self.scale * (f / self.counts) @ self.patterns


@structure
class Cauchy(Lagrangian):
    """f = arctan(x)/pi + 1/2: a sigmoid, which says nothing of a gain."""

    convex = True
    elementwise = True
    nonnegative = True
    bounded = True

    def value(self, x):
        xp = array_namespace(x)
        return (x / 2 + x * xp.atan(x) / np.pi - xp.log1p(x * x) / (2 * np.pi)).sum(-1)

    def activation(self, x):
        xp = array_namespace(x)
        return xp.atan(x) / np.pi + 0.5

    def curvature(self, x, u):
        return u / (1 + x * x) / np.pi


class Tether(Synapse):
    """|g - a|^2 k/2: a spring to a place a that the class keeps as it likes."""

    between = ("x",)

    def __init__(self, place, k=1.0):
        self.place, self.k = place, k

    def energy(self, g):
        return self.k * ((g - self.place) ** 2).sum(-1) / 2

    def forces(self, g):
        return (self.k * (self.place - g),)


@dataclass(frozen=True)
class Heun(Integrator):
    """The explicit trapezium."""

    dt: float = 0.05
    order = 2
    drift = 10.0

    def controlled(self, flow):
        return False

    def step(self, flow, point, dt, theta=None):
        span = dt if theta is None else theta * dt
        first = flow.velocity(point)
        second = flow.velocity(flow.at({name: x + span * first[name] for name, x in point.states.items()}))
        return Step(flow.at({n: x + span / 2 * (first[n] + second[n]) for n, x in point.states.items()}))


@pytest.fixture
def registered():
    """The names that the package gives to what it adds, for one test."""
    similarities.register("minkowski", Minkowski, power=float)
    separations.register("cauchy", Cauchy)
    register("trapezoid", Heun, dt=float)
    yield
    del similarities.entries["minkowski"], separations.entries["cauchy"], INTEGRATORS.entries["trapezoid"]


PATTERNS = np.array([[0.0, 0.2, 1.0], [1.0, 0.9, 0.1], [0.1, 1.0, 0.8]])
CUE = np.array([0.1, 0.3, 0.9])
WEIGHTS = np.array([1.0, 2.0, 0.5])


def memory(library="numpy", kind="minkowski(3)", **options):
    return UniversalHopfield(PATTERNS, kind, "softmax", beta=30.0, **options).to(library)


# ------------------------------------------------------------------------------------------------ similarities


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_similarity_recalls_and_retrieves_on_every_library(library, registered):
    one, plain = memory(library), memory()
    cue = to_library(CUE, library)
    scores = -(np.abs(PATTERNS - CUE) ** 3).sum(-1)
    np.testing.assert_allclose(to_numpy(one.scores(cue)), scores, rtol=1e-12)
    w = np.exp(30 * (scores - scores.max()))
    np.testing.assert_allclose(to_numpy(one.recall(cue)), w / w.sum() @ PATTERNS, rtol=1e-12)
    run = simulate(one, cue, t1=3.0)
    np.testing.assert_allclose(
        to_numpy(run.activations["value"][-1]), simulate(plain, CUE, t1=3.0).activations["value"][-1], atol=1e-6
    )
    energy = to_numpy(run.energy)
    assert (np.diff(energy) <= 1e-12 * abs(energy).max()).all()
    assert int(one.retrieve(cue, max_steps=20).pattern) == 0


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_array_of_a_similarity_moves_with_it_and_is_no_part_of_a_program(library):
    for kind, weights in ((Minkowski(weights=WEIGHTS), "weights"), (Counted(WEIGHTS), "counts")):
        one = memory(library, kind)
        array = getattr(one.similarity, weights)
        assert type(array) is type(to_library(WEIGHTS, library))
        np.testing.assert_array_equal(to_numpy(getattr(one.sim, weights)), WEIGHTS)
        if library == "jax":
            import jax

            assert any(leaf is array for leaf in jax.tree.leaves(one.similarity))
            traces = []

            @jax.jit
            def scores(similarity, g, traces=traces):
                traces.append(1)
                return similarity.scores(g)

            for k in (1.0, 2.0):
                other = memory(library, type(kind)(**{weights: k * WEIGHTS}))
                np.testing.assert_allclose(scores(other.sim, CUE), to_numpy(other.scores(array * 0 + CUE)), rtol=1e-12)
            assert len(traces) == 1


@pytest.mark.parametrize("library", [name for name in LIBRARIES if name != "numpy"])
def test_a_derivative_reaches_the_array_of_a_similarity(library):
    patterns, cue, weights = (to_library(x, library) for x in (PATTERNS, CUE, WEIGHTS))

    def total(weights):
        return UniversalHopfield(patterns, Minkowski(weights=weights), beta=30.0).recall(cue).sum()

    grad = pytest.importorskip("jax").grad if library == "jax" else pytest.importorskip("torch").func.grad
    found = to_numpy(grad(total)(weights))
    ends = [
        [memory(kind=Minkowski(weights=WEIGHTS + e)).recall(CUE).sum() for e in 1e-6 * np.array([u, -u])]
        for u in np.eye(3)
    ]
    plain = -np.diff(ends, axis=1)[:, 0] / 2e-6
    np.testing.assert_allclose(found, plain, rtol=1e-5, atol=1e-8)


def test_known_columns_take_their_part_of_the_array():
    one = memory(kind=Minkowski(weights=WEIGHTS))
    known = np.array([True, False, True])
    scores = -(WEIGHTS * np.abs(PATTERNS - CUE) ** 3)[:, known].sum(-1)
    w = np.exp(30 * (scores - scores.max()))
    np.testing.assert_allclose(one.recall(CUE, known=known), w / w.sum() @ PATTERNS, rtol=1e-12)


def test_a_similarity_by_name_and_one_with_an_array_come_back_from_a_file(registered, tmp_path):
    for kind in ("minkowski(3)", "minkowski(4)", Minkowski(weights=WEIGHTS, power=2.5)):
        one = memory(kind=kind)
        back = UniversalHopfield.load(one.save(tmp_path / "memory"))
        assert repr(back) == repr(one)
        assert back.similarity.power == one.similarity.power
        np.testing.assert_array_equal(back.recall(CUE), one.recall(CUE))
    assert similarities.name_of(similarity("minkowski(2.5)")) == "minkowski(2.5)"
    within = UniversalHopfield(PATTERNS, "dot", Scaled(LogSumExp(2.0), 3.0))
    assert repr(UniversalHopfield.load(within.save(tmp_path / "scaled")).separation) == repr(within.separation)
    with pytest.raises(ValueError, match="'minkowski' is the name of another similarity"):
        similarities.register("minkowski", Counted)
    with pytest.raises(ValueError, match="the parameter 'x' does not fit"):
        similarity("minkowski(x)")


def test_a_file_names_nothing_that_is_not_registered(registered, tmp_path):
    path = memory().save(tmp_path / "memory")
    del similarities.entries["minkowski"]
    try:
        with pytest.raises(ValueError, match="Unknown similarity 'minkowski'"):
            UniversalHopfield.load(path)
        with pytest.raises(TypeError, match="code of your own"):
            memory(kind=Counted(WEIGHTS)).save(tmp_path / "other")
    finally:
        similarities.register("minkowski", Minkowski, power=float)


def test_census_and_basins_take_a_similarity_from_outside(registered):
    mine, ours = (memory(kind=kind, tau_memory=0.0) for kind in ("minkowski(2)", "euclidean"))  # which are the same
    found, known = (find_fixed_points(one, batches=2, seed=0) for one in (mine, ours))
    stable, expected = (one.activation[one.index == 0] for one in (found, known))
    assert len(stable) == len(expected) == 3
    assert np.abs(stable[:, None] - expected).max(-1).min(0).max() < 1e-5
    reached = basins_of_attraction(mine, PATTERNS + 0.02, found, timed=False).labels
    np.testing.assert_allclose(found.activation[reached], PATTERNS, atol=0.1)


def test_other_scores_have_none_of_the_facts_that_were_true_of_those_before():
    class Weighed(Euclidean):
        def scores(self, g):
            return 0.5 * super().scores(g)

    assert (Euclidean.metric, Weighed.metric, Weighed.checked, Weighed.distance) == ("square", "", False, True)
    with pytest.raises(ValueError, match="no theorem is known"):
        certified_radii(memory(kind=Weighed()))
    with pytest.raises(ValueError, match=r"not the gradient|another energy"):
        simulate(memory(kind=Weighed()), CUE, t1=1.0)


# ------------------------------------------------------------------------------ separations, synapses, methods


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_separation_takes_the_beta_of_the_model(library, registered, tmp_path):
    one = UniversalHopfield(PATTERNS, "dot", "cauchy", beta=4.0, value_lagrangian=None).to(library)
    cue = to_library(CUE, library)
    np.testing.assert_allclose(to_numpy(one.weights(cue)), np.arctan(4 * PATTERNS @ CUE) / np.pi + 0.5, rtol=1e-12)
    run = simulate(one, cue, t1=5.0)
    energy = to_numpy(run.energy)
    assert (np.diff(energy) <= 1e-12 * abs(energy).max()).all()
    state = to_numpy(simulate(one, cue, t1=60.0).activations["value"][-1])
    np.testing.assert_allclose(state, (np.arctan(4 * PATTERNS @ state) / np.pi + 0.5) @ PATTERNS, atol=1e-6)
    back = UniversalHopfield.load(one.save(tmp_path / "memory"))
    assert repr(back.separation) == "Cauchy()"
    np.testing.assert_allclose(back.recall(CUE), to_numpy(one.recall(cue)), rtol=1e-12)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_synapse_and_a_method_from_outside_move_a_network(library, registered):
    place = to_library(np.array([1.0, -2.0]), library)
    network = Network({"x": Population(Quadratic(), 2, leak=1.0)}, [Tether(place, 3.0)])
    start = {"x": to_library(np.array([0.5, 0.5]), library)}
    goal = 0.75 * np.array([1.0, -2.0])
    exact = goal + np.exp(-4 * 0.5) * (0.5 - goal)  # x' = -x + 3 (a - x)
    errors = []
    for dt in (0.05, 0.025):
        run = simulate(network, start, t1=0.5, integrator=f"trapezoid({dt})")
        errors.append(np.abs(to_numpy(run.final["x"]) - exact).max())
    assert errors[0] < 0.01
    assert 3.5 < errors[0] / errors[1] < 4.6  # of second order
    resting = simulate(network, start, t1=50.0, integrator=Relaxation(0.1, adaptive=True))
    np.testing.assert_allclose(to_numpy(resting.final["x"]), goal, atol=1e-3)
    if library == "jax":
        import jax

        assert any(leaf is place for leaf in jax.tree.leaves(network))


# ------------------------------------------------------------------------------------------ as it was in 0.1.0


class Earlier(Similarity):
    """Minus the squared distance, as 0.1.0 wanted it: patterns, or what `prepare` made of them, come first."""

    name = "earlier"
    leak = 0.0
    distance = True

    def prepare(self, memories):
        return memories, (memories**2).sum(-1)

    def scores(self, memories, g):
        patterns, squares = memories
        return 2 * g @ patterns.T - squares - (g**2).sum(-1)[..., None]

    def pullback(self, memories, g, f):
        return 2 * f @ memories[0] - 2 * f.sum(-1)[..., None] * g


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_similarity_that_takes_its_patterns_as_an_argument_works_as_before(library):
    mine, ours = (UniversalHopfield(PATTERNS, kind, beta=9.0).to(library) for kind in (Earlier(), "euclidean"))
    cue = to_library(CUE, library)
    np.testing.assert_allclose(to_numpy(mine.recall(cue)), to_numpy(ours.recall(cue)), rtol=1e-12)
    ends = [to_numpy(simulate(m, cue, t1=4.0, integrator="dopri5").final["value"]) for m in (mine, ours)]
    np.testing.assert_allclose(*ends, atol=1e-5)
    patterns, f = to_library(PATTERNS, library), to_library(np.ones(3), library)
    kind = similarity("euclidean")
    for stored in (patterns, kind.prepare(patterns)):
        np.testing.assert_allclose(to_numpy(kind.scores(stored, cue)), to_numpy(ours.scores(cue)), rtol=1e-12)
        np.testing.assert_allclose(to_numpy(kind.pullback(stored, cue, f)), to_numpy(ours.sim.pullback(cue, f)))
        np.testing.assert_allclose(
            to_numpy(kind.value_step(stored, cue, f, ratio=0.5)), to_numpy(ours.sim.value_step(cue, f, ratio=0.5))
        )
    np.testing.assert_allclose(
        to_numpy(Earlier().scores(Earlier().prepare(patterns), cue)), to_numpy(ours.scores(cue)), rtol=1e-12
    )
