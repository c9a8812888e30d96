"""Divergences against plain loops and autodiff, what is proved of them, and the dynamics that they drive."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import IN_EACH, LIBRARIES, epsilon, few, to_library, to_numpy
from hopfield.dynamics import simulate
from hopfield.models import UniversalHopfield, similarity

# torch itself scripts a function when forward derivatives are first asked for

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")

NAMES = ["kl", "reverse_kl", "jeffreys", "jensen_shannon"]


def kl(p, q):
    """Generalised Kullback-Leibler of two vectors, in Python numbers."""
    return sum(a * math.log(a / b) - a + b for a, b in zip(p, q, strict=True))


def one_score(name, m, g):
    """s(m, g) for two vectors."""
    mean = [(a + b) / 2 for a, b in zip(m, g, strict=True)]
    return -{
        "kl": lambda: kl(g, m),
        "reverse_kl": lambda: kl(m, g),
        "jeffreys": lambda: (kl(g, m) + kl(m, g)) / 2,
        "jensen_shannon": lambda: (kl(g, mean) + kl(m, mean)) / 2,
    }[name]()


def definition(name, memories, g, log):
    """The scores of one vector in operations that JAX and PyTorch differentiate."""

    def directed(p, q):
        return (p * (log(p) - log(q)) - p + q).sum(-1)

    whole = g + 0 * memories
    if name == "kl":
        return -directed(whole, memories)
    if name == "reverse_kl":
        return -directed(memories, whole)
    if name == "jeffreys":
        return -(directed(whole, memories) + directed(memories, whole)) / 2
    mean = (memories + whole) / 2
    return -(directed(whole, mean) + directed(memories, mean)) / 2


def problem(rng, dtype=np.float64, batch=()):
    """Positive memories and activations, weights and directions of both signs."""
    memories, g = rng.random((4, 3)) + 0.1, rng.random((*batch, 3)) + 0.1
    return [x.astype(dtype) for x in (memories, g, rng.normal(size=(*batch, 4)), rng.normal(size=(*batch, 3)))]


def evaluate(library, function, *arrays):
    """function(*arrays) in a library, as NumPy arrays: one compiled program on JAX, eager elsewhere."""
    arrays = [to_library(x, library) for x in arrays]
    if library == "jax":
        import jax

        return [np.asarray(x) for x in jax.jit(function)(*arrays)]
    return [to_numpy(x) for x in function(*arrays)]


def everything(name):
    """Scores and the three derivatives as one function of (M, g, f, u)."""
    kind = similarity(name)
    return lambda m, g, f, u: [
        kind.scores(m, g),
        kind.pullback(m, g, f),
        kind.pushforward(m, g, u),
        kind.curvature(m, g, f, u),
    ]


@IN_EACH
@pytest.mark.parametrize("name", NAMES)
def test_scores_equal_a_plain_loop(name, library, dtype, rng):
    memories, g, *_ = problem(rng, dtype, batch=(2, 3))
    (scores,) = evaluate(library, lambda m, g: [similarity(name).scores(m, g)], memories, g)
    expected = [[[one_score(name, m, v) for m in memories.astype(float)] for v in vs] for vs in g.astype(float)]
    assert scores.dtype == dtype
    np.testing.assert_allclose(scores, expected, rtol=0, atol=100 * epsilon(dtype))


@pytest.mark.parametrize("name", few(NAMES, 1))
def test_derivatives_equal_autodiff_of_the_definition_on_jax(name, rng):
    jax = pytest.importorskip("jax")

    def automatic(memories, g, f, u):
        def scores(y):
            return definition(name, memories, y, jax.numpy.log)

        slope = jax.grad(lambda y: (f * scores(y)).sum())
        return [scores(g), slope(g), jax.jvp(scores, (g,), (u,))[1], jax.jvp(slope, (g,), (u,))[1]]

    given = problem(rng)
    for got, wanted in zip(
        evaluate("jax", everything(name), *given), evaluate("jax", automatic, *given), strict=True
    ):  # fmt: skip
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_equal_autodiff_of_the_definition_on_torch(name, dtype, rng):
    torch = pytest.importorskip("torch")
    memories, g, f, u = given = [to_library(x, "torch") for x in problem(rng, dtype)]

    def scores(y):
        return definition(name, memories, y, torch.log)

    slope = torch.func.grad(lambda y: (f * scores(y)).sum())
    expected = [scores(g), slope(g), torch.func.jvp(scores, (g,), (u,))[1], torch.func.jvp(slope, (g,), (u,))[1]]
    for got, wanted in zip(everything(name)(*given), expected, strict=True):
        assert got.dtype == g.dtype
        bound = 300 * epsilon(dtype) * (1 + float(abs(wanted).max()))
        np.testing.assert_allclose(to_numpy(got), to_numpy(wanted), rtol=0, atol=bound)


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_equal_central_differences_on_numpy(name, rng):
    memories, g, f, u = problem(rng, batch=(2, 3))
    kind, step = similarity(name), 1e-5
    scores, pulled, pushed, curved = everything(name)(memories, g, f, u)
    along = (kind.scores(memories, g + step * u) - kind.scores(memories, g - step * u)) / (2 * step)
    turned = (kind.pullback(memories, g + step * u, f) - kind.pullback(memories, g - step * u, f)) / (2 * step)
    np.testing.assert_allclose(pushed, along, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(curved, turned, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose((pulled * u).sum(-1), (f * pushed).sum(-1), rtol=1e-12, atol=1e-12)  # the transpose
    assert scores.shape == (2, 3, 4)


@pytest.mark.parametrize(
    ("name", "library"),  # JAX compiles each step of it: the one without a matrix product speaks for all
    [(name, library) for name in NAMES for library in LIBRARIES if library != "jax" or name == "jensen_shannon"],
)
def test_batches_blocks_and_prepared_patterns_change_nothing(name, library, rng, monkeypatch):
    given = problem(rng, batch=(2, 3))
    whole = evaluate(library, everything(name), *given)
    prepared = similarity(name).prepare(to_library(given[0], library))
    assert similarity(name).prepare(prepared) is prepared
    again = everything(name)(prepared, *(to_library(x, library) for x in given[1:]))
    single = evaluate(library, everything(name), given[0], *(x[1, 2] for x in given[1:]))
    monkeypatch.setattr("hopfield.models.measures._pairwise.BLOCK", 7)
    small = everything(name)(*(to_library(x, library) for x in given))
    for values, kept, alone, pieces in zip(whole, again, single, small, strict=True):
        np.testing.assert_allclose(to_numpy(kept), values, rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(alone, values[1, 2], rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(to_numpy(pieces), values, rtol=1e-13, atol=1e-14)


@given(data=st.data())
@settings(max_examples=80, deadline=None, derandomize=True)
def test_what_is_proved_of_divergences(data):
    """d >= 0, zero at itself; Jeffreys and Jensen-Shannon symmetric; JS <= ln 2 and JS <= J/2 for distributions."""
    size = data.draw(st.integers(2, 8))
    rows = st.lists(st.floats(1e-6, 1e3), min_size=size, max_size=size)
    p, q = np.array(data.draw(rows)), np.array(data.draw(rows))
    size_of = 1e-12 * (p.sum() + q.sum()) * 30
    for name in NAMES:
        kind = similarity(name)
        assert kind.scores(p[None], q)[0] <= 0
        assert abs(kind.scores(p[None], p)[0]) <= size_of
        if name in ("jeffreys", "jensen_shannon"):
            np.testing.assert_allclose(kind.scores(p[None], q), kind.scores(q[None], p), rtol=1e-9, atol=size_of)
    p, q = p / p.sum(), q / q.sum()
    mixed, sum_of_both = (-similarity(name).scores(p[None], q)[0] for name in ("jensen_shannon", "jeffreys"))
    assert mixed <= math.log(2) + 1e-12
    assert mixed <= sum_of_both / 2 + 1e-12


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("apart", [1e-7, 1e-4, 0.003, 0.1, 0.9, 3.0, 1e3, 1e12])
def test_gaps_are_right_to_the_last_digits_near_and_far(name, apart):
    """Term by term, also where a divergence is the square of a small difference: against 50 digits."""
    m = np.array([0.3, 1.0, 1e-4])
    for g in (m * (1 + apart), m / (1 + apart)):
        found = similarity(name).gap(m, np.log(m), g, np.log(g))
        exact = [
            float(-precise_score(name, Decimal(a), Decimal(b))) for a, b in zip(m.tolist(), g.tolist(), strict=True)
        ]
        # t = (m - g)/(m + g) carries what rounding m and g to doubles left of their difference: nothing.
        np.testing.assert_allclose(found, exact, rtol=1e-13)
        assert (similarity(name).gap(g, np.log(g), g, np.log(g)) == 0).all()


def precise_score(name, m, g):
    """One term of the score, with the digits of the context."""

    def term(p, q):
        return p * (p / q).ln() - p + q

    with localcontext() as context:
        context.prec = 50
        mean = (m + g) / 2
        return -{
            "kl": lambda: term(g, m),
            "reverse_kl": lambda: term(m, g),
            "jeffreys": lambda: (term(g, m) + term(m, g)) / 2,
            "jensen_shannon": lambda: (term(g, mean) + term(m, mean)) / 2,
        }[name]()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [0.0, -0.25])
def test_what_is_not_positive_is_refused_and_located(name, bad, library, rng):
    memories = rng.random((4, 3)) + 0.1
    broken = memories.copy()
    broken[2, 1] = bad
    words = rf"{name} similarity is for positive vectors, and %s goes down to {bad:g} \(at index \(2, 1\)\).*normalised"
    with pytest.raises(ValueError, match=words % "patterns"):
        UniversalHopfield(to_library(broken, library), name)
    memory = UniversalHopfield(to_library(memories, library), name)
    with pytest.raises(ValueError, match=words % "query"):
        memory.recall(to_library(broken, library))


@pytest.mark.parametrize("name", NAMES)
def test_retrieval_cleans_a_cue_and_keeps_it_positive(name, rng):
    memories = rng.random((5, 12)) + 0.1
    memory = UniversalHopfield(memories, name, beta=30.0, tau_memory=0.0)
    cues = memories * np.exp(0.2 * rng.normal(size=memories.shape))
    found = memory.retrieve(cues, max_steps=400)
    assert found.converged.all()
    np.testing.assert_array_equal(found.pattern, np.arange(5))
    np.testing.assert_allclose(found.state, memories, atol=2e-2)
    assert (found.state > 0).all()
    # The states are fixed points: the force on the value neurons is zero there.
    force = memory.rule.similarity.pullback(memories, found.state, memory.weights(found.state))
    np.testing.assert_allclose(force, 0, atol=1e-3)


@pytest.mark.parametrize("name", ["jeffreys", "jensen_shannon"])
@pytest.mark.parametrize("tau_memory", [0.0, 0.1])
def test_guarded_steps_lower_the_energy(name, tau_memory, rng):
    memories = rng.random((5, 6)) + 0.1
    memory = UniversalHopfield(memories, name, beta=8.0, tau_memory=tau_memory)
    run = simulate(memory, memories * np.exp(0.4 * rng.normal(size=(5, 6))), t1=5.0)
    rises = np.diff(run.energy, axis=0)
    assert rises.max() <= 1e-12
    assert run.energy[0].sum() - run.energy[-1].sum() > 1e-3
    with pytest.raises(TypeError, match="no closed value step"):
        memory.rule.similarity.value_step(memories, memories[0], np.ones(5), ratio=0.1)


def test_jeffreys_is_what_table_2_prints_as_jensen_shannon(rng):
    """Half of KL[M|q] + KL[q|M] is not the Jensen-Shannon divergence, which takes the mixture."""
    p, q = np.array([0.7, 0.3]), np.array([0.2, 0.8])
    printed = (kl(p, q) + kl(q, p)) / 2
    np.testing.assert_allclose(-similarity("jeffreys").scores(p[None], q), [printed], rtol=1e-13)
    true = -similarity("jensen_shannon").scores(p[None], q)[0]
    assert true < printed / 2
    np.testing.assert_allclose(true, -one_score("jensen_shannon", p, q), rtol=1e-13)
