"""Dynamics of +-1 neurons: the sweep against a loop written out, batches, libraries, and the law at a temperature."""

import itertools

import numpy as np
import pytest
from scipy.stats import chi2

from helpers import LIBRARIES, to_library, to_numpy
from hopfield.models import ClassicalHopfield, DenseAssociativeMemory, ExponentialMemory
from hopfield.models.binary._flips import orders

MODELS = {
    "classical": ClassicalHopfield,
    "diagonal": lambda M, **o: ClassicalHopfield(M, zero_diagonal=False, **o),
    "dense": lambda M, **o: DenseAssociativeMemory(M, 3, **o),
    "rectified": lambda M, **o: DenseAssociativeMemory(M, 4, rectified=True, **o),
    "exponential": ExponentialMemory,
}


def patterns(rng, rows, width, dtype="float64"):
    return rng.choice([-1.0, 1.0], size=(rows, width)).astype(dtype)


def by_hand(memory, query, order, sweeps, seed):
    """The same dynamics, one query at a time, with the energy evaluated anew for every decision."""
    rng = np.random.default_rng(seed)
    s, flips, used = query.copy(), 0, 0
    for _ in range(sweeps):
        if (memory.stability(s) >= 0).all():
            break
        used += 1
        for i in orders(len(s), order, rng):
            if memory.stability(s)[i] < 0:
                s[i] *= -1
                flips += 1
    return s, flips, used


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("order", ["random", "cyclic"])
def test_cached_sweeps_are_those_written_out(name, order, rng):
    memory = MODELS[name](patterns(rng, 6, 25), bias=0.02 * rng.normal(size=25))
    queries = patterns(rng, 8, 25)
    found = memory.retrieve(queries, order=order, seed=5)
    for k, query in enumerate(queries):
        state, flips, sweeps = by_hand(memory, query, order, 100, 5)
        np.testing.assert_array_equal(found.state[k], state)
        assert found.flips[k] == flips
        assert found.steps[k] == sweeps
        assert found.converged[k] == (memory.stability(state) >= 0).all()


@pytest.mark.parametrize("name", MODELS)
def test_synchronous_updates_are_those_written_out(name, rng):
    memory = MODELS[name](patterns(rng, 6, 24))
    queries = patterns(rng, 20, 24)
    found = memory.retrieve(queries, mode="synchronous", max_steps=50)
    for k, s in enumerate(queries):
        path = [s]
        while len(path) < 50:
            after = np.where(memory.stability(path[-1]) < 0, -path[-1], path[-1])
            if (after == path[-1]).all() or (len(path) > 1 and (after == path[-2]).all()):
                break
            path.append(after)
        np.testing.assert_array_equal(found.state[k], path[-1])
        assert found.steps[k] == len(path) - 1
        assert found.flips[k] == sum(int((a != b).sum()) for a, b in itertools.pairwise(path))
        assert found.verdict[k] == ("fixed point" if (after == path[-1]).all() else "2-cycle")
        np.testing.assert_allclose(found.energies[: len(path), k], [memory.energy(x) for x in path], rtol=1e-12)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("mode", ["asynchronous", "synchronous"])
def test_a_batch_is_its_queries_one_by_one(name, mode, dtype, rng):
    memory = MODELS[name](patterns(rng, 6, 20, dtype))
    queries = patterns(rng, 6, 20, dtype).reshape(2, 3, 20)
    whole = memory.retrieve(queries, mode=mode, seed=11)
    assert whole.state.shape == (2, 3, 20)
    assert whole.state.dtype == dtype
    for field in ("steps", "converged", "residual", "energy", "pattern", "cycle", "flips", "verdict"):
        assert getattr(whole, field).shape == (2, 3)
    for place in np.ndindex(2, 3):
        alone = memory.retrieve(queries[place], mode=mode, seed=11)
        np.testing.assert_array_equal(alone.state, whole.state[place])
        for field in ("steps", "converged", "residual", "pattern", "cycle", "flips", "verdict"):
            assert getattr(alone, field).shape == ()
            assert getattr(alone, field) == getattr(whole, field)[place]
        np.testing.assert_allclose(alone.energy, whole.energy[place], rtol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize(
    ("library", "name", "dtype"),
    [
        ("torch", "classical", "float32"),
        ("torch", "dense", "float64"),
        ("torch", "exponential", "float32"),
        ("jax", "classical", "float64"),
        pytest.param(
            "jax", "dense", "float32", marks=pytest.mark.slow
        ),  # every way of moving is a program of its own: two models are enough
    ],
)
def test_the_same_seed_gives_the_same_flips_in_every_library(library, name, dtype, rng):
    pytest.importorskip(library)
    M, queries = patterns(rng, 12, 60, dtype), patterns(rng, 10, 60, dtype)
    ours, theirs = MODELS[name](M), MODELS[name](to_library(M, library))
    given = to_library(queries, library)
    calls = [{"seed": 3}, {"seed": 3, "mode": "synchronous"}, {"seed": 3, "temperature": 0.7, "max_steps": 4}]
    for options in calls:
        a, b = ours.retrieve(queries, **options), theirs.retrieve(given, **options)
        np.testing.assert_array_equal(to_numpy(b.state), a.state)
        for field in ("steps", "converged", "residual", "pattern", "cycle", "flips", "verdict"):
            np.testing.assert_array_equal(getattr(b, field), getattr(a, field))
        np.testing.assert_allclose(to_numpy(b.energy), a.energy, rtol=1e-5 if dtype == "float32" else 1e-13)
    np.testing.assert_array_equal(to_numpy(given), queries)  # what was handed in is not written to


def test_seeds_and_orders(rng):
    memory = ClassicalHopfield(patterns(rng, 12, 60))
    queries = patterns(rng, 20, 60)
    first, again, other = (memory.retrieve(queries, seed=s).state for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    cyclic = [memory.retrieve(queries, order="cyclic", seed=s).state for s in (1, 2)]
    np.testing.assert_array_equal(*cyclic)


# ------------------------------------------------------------------------------------------- temperature


def deviation(memory, temperature, judged_at, chains=10000, sweeps=16):
    """The chi-square statistic of the states of independent chains against exp(-E/T)/Z, and its degrees."""
    width = memory.memories.shape[1]
    states = np.array(list(itertools.product([1.0, -1.0], repeat=width)))
    weights = np.exp(-memory.energy(states) / judged_at)
    expected = chains * weights / weights.sum()
    start = np.random.default_rng(0).choice([-1.0, 1.0], size=(chains, width))
    run = memory.glauber(start, temperature, sweeps=sweeps, every=sweeps, seed=7)
    index = ((run.state < 0) * 2 ** np.arange(width)[::-1]).sum(axis=1)
    np.testing.assert_array_equal(states[index], run.state)
    counts = np.bincount(index, minlength=len(states))
    rare = expected < 5  # taken together
    if rare.any():
        counts, expected = (np.append(x[~rare], x[rare].sum()) for x in (counts, expected))
    return float(((counts - expected) ** 2 / expected).sum()), len(expected) - 1


@pytest.mark.parametrize("name", MODELS)
def test_glaubers_dynamics_have_boltzmanns_law(name, rng):
    memory = MODELS[name](patterns(rng, 3, 5), bias=0.1 * rng.normal(size=5))
    temperature = 1.5
    statistic, degrees = deviation(memory, temperature, temperature)
    assert statistic < chi2.isf(1e-3, degrees)
    # It would notice a temperature that is twice as high.
    wrong, degrees = deviation(memory, temperature, 2 * temperature)
    assert wrong > chi2.isf(1e-9, degrees)


@pytest.mark.parametrize("library", [name for name in LIBRARIES if name != "jax"])
def test_a_run_at_a_temperature_records_what_it_says(library, rng):
    M = patterns(rng, 2, 12)
    memory = DenseAssociativeMemory(to_library(M, library))
    start = to_library(patterns(rng, 6, 12).reshape(2, 3, 12), library)
    run = memory.glauber(start, 0.5, sweeps=6, every=3, seed=4)
    np.testing.assert_array_equal(run.times, [0, 3, 6])
    assert run.energy.shape == run.magnetisation.shape == (3, 2, 3)
    assert run.overlaps.shape == (3, 2, 3, 2)
    for k, state in ((0, start), (2, run.state)):
        state = to_numpy(state)
        np.testing.assert_allclose(run.energy[k], to_numpy(memory.energy(to_library(state, library))), rtol=1e-13)
        np.testing.assert_allclose(run.magnetisation[k], state.mean(-1), atol=1e-15)
        np.testing.assert_allclose(run.overlaps[k], state @ M.T / 12, atol=1e-15)
    found = memory.retrieve(start, temperature=0.5, max_steps=6, seed=4)
    np.testing.assert_array_equal(to_numpy(found.state), to_numpy(run.state))
    np.testing.assert_array_equal(found.flips, run.flips)
    assert (found.verdict == "sampled").all()
    assert not found.converged.any()


def test_a_low_temperature_is_the_sign_rule(rng):
    memory = ClassicalHopfield(patterns(rng, 7, 40))
    queries = patterns(rng, 10, 40)
    cold = memory.retrieve(queries, order="cyclic", temperature=1e-9, max_steps=50)
    np.testing.assert_array_equal(cold.state, memory.retrieve(queries, order="cyclic").state)
    assert (cold.residual == 0).all()


def test_chains_of_a_batch_are_independent(rng):
    memory = ClassicalHopfield(np.ones((1, 4)))
    run = memory.glauber(np.ones((500, 4)), 50.0, sweeps=3, seed=0)
    assert len({tuple(row) for row in run.state}) == 16
    again = memory.glauber(np.ones((500, 4)), 50.0, sweeps=3, seed=0)
    np.testing.assert_array_equal(run.state, again.state)


# ---------------------------------------------------------------------------------------------- the door


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, q: m.retrieve(q, mode="async"), "Unknown mode 'async'. Did you mean 'asynchronous'?"),
        (lambda m, q: m.retrieve(q, order="shuffled"), "Unknown order 'shuffled'"),
        (lambda m, q: m.retrieve(q, max_steps=0), "max_steps must be a whole number >= 1, got 0"),
        (lambda m, q: m.retrieve(q, temperature=-1), "temperature must be >= 0"),
        (lambda m, q: m.retrieve(q, mode="synchronous", temperature=1), "temperature > 0 needs mode='asynchronous'"),
        (lambda m, q: m.retrieve((q + 1) / 2), r"They are 0 and 1 here: write 2 \* query - 1"),
        (lambda m, q: m.retrieve(0.3 * q), r"Threshold them, such as numpy.where\(query > query.mean\(\), 1.0, -1.0\)"),
        (lambda m, q: m.retrieve(q[:, :4]), r"query has shape \(2, 4\) but must be \(..., 6\)"),
        (lambda m, q: m.glauber(q, 0.0), "temperature must be > 0"),
        (lambda m, q: m.glauber(q, 1.0, sweeps=3, every=4), "every must be a whole number from 1 to sweeps=3, got 4"),
        (lambda m, q: m.energy(np.zeros(6)), "query must hold"),
    ],
)
def test_clear_errors(name, call, message, rng):
    with pytest.raises(ValueError, match=message):
        call(MODELS[name](patterns(rng, 3, 6)), patterns(rng, 2, 6))


@pytest.mark.filterwarnings("ignore:ClassicalHopfield. W")
def test_no_temperature_without_an_energy(rng):
    memory = ClassicalHopfield(np.ones((1, 4)), "given", couplings=rng.normal(size=(4, 4)))
    with pytest.raises(ValueError, match="a W that is not symmetric has no energy"):
        memory.glauber(np.ones(4), 1.0)
