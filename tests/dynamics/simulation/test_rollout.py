"""A fixed number of equal steps, pure: what `simulate` comes to, under jit, vmap and grad."""

from functools import partial

import numpy as np
import pytest

from helpers import LIBRARIES, to_library, to_numpy
from hopfield import rollout, simulate
from hopfield.dynamics import (
    Bilinear,
    Euler,
    LogCosh,
    LogSumExp,
    Network,
    Population,
    Quadratic,
    Relaxation,
    Rosenbrock,
    Scipy,
)
from hopfield.models import ModernHopfield, UniversalHopfield, build

needs_jax = pytest.mark.skipif("jax" not in LIBRARIES, reason="JAX is not installed")
needs_torch = pytest.mark.skipif("torch" not in LIBRARIES, reason="PyTorch is not installed")
RNG = np.random.default_rng(5)
SIGNS = RNG.choice([-1.0, 1.0], size=(3, 12))
CUES = 0.8 * np.where(RNG.random((2, 3, 12)) < 0.2, -SIGNS, SIGNS)
GREY = RNG.random((3, 12)) + 0.2


def memories(library):
    """Models of one, two and three populations, with every sort of exact step and without."""
    rows, grey = to_library(SIGNS, library), to_library(GREY, library)
    yield ModernHopfield(rows, beta=2.0)
    yield ModernHopfield(rows, beta=2.0, tau_memory=0.0, bias=0.1)
    yield ModernHopfield(rows, beta=2.0, projection=grey)
    for name in ("euclidean", "manhattan", "cosine"):
        yield UniversalHopfield(rows, name, beta=0.5)
    for name in ("dense", "bidirectional", "classical"):
        yield build(name, rows)


def _same(found, run, steps):
    for name, x in run.final.items():
        x = to_numpy(x)
        np.testing.assert_allclose(to_numpy(found[name]), x, rtol=0, atol=1e-13 * steps * max(1.0, np.abs(x).max()))


@pytest.mark.parametrize("method", [Relaxation(dt=0.05), Relaxation(dt=0.05, order=2), Euler(0.05)], ids=repr)
@pytest.mark.parametrize(
    "library", [name if name != "jax" else pytest.param(name, marks=pytest.mark.slow) for name in LIBRARIES]
)
def test_it_is_what_simulate_does_without_its_guard(library, method):
    for memory in memories(library):
        if isinstance(method, Euler) and memory.network.kinks:
            continue
        query = to_library(CUES, library)
        run = simulate(memory, query, t1=1.0, integrator=method, guard=False, save="all", save_at=[1.0])
        _same(rollout(memory, query, 0.05, 20, integrator=method), run, 20)


@needs_jax
def test_it_is_what_simulate_does_on_jax():
    memory, query = UniversalHopfield(to_library(SIGNS, "jax"), "euclidean", beta=0.5), to_library(CUES, "jax")
    run = simulate(memory, query, t1=1.0, integrator=Relaxation(0.1), guard=False, save="all")
    path = rollout(memory, query, 0.1, 10, trajectory=True)
    for name, x in run.states.items():
        np.testing.assert_allclose(to_numpy(path[name]), to_numpy(x), rtol=0, atol=1e-13)


def test_updates_are_steps_of_infinite_length(library):
    memory, query = ModernHopfield(to_library(SIGNS, library), beta=2.0), to_library(CUES[0], library)
    found = rollout(memory, query, np.inf, 4)["value"]
    expected = query
    for _ in range(4):
        expected = memory.recall(expected)
    np.testing.assert_allclose(to_numpy(found), to_numpy(expected), atol=1e-13)
    with pytest.raises(ValueError, match="dt = inf has no limit"):
        rollout(UniversalHopfield(to_library(SIGNS, library), "dot", leak=0.0), query, np.inf, 2)


def test_the_trajectory_begins_at_the_start(library):
    memory, query = ModernHopfield(to_library(SIGNS, library), beta=2.0), to_library(CUES, library)
    path = rollout(memory, query, 0.1, 5, trajectory=True)
    assert {name: tuple(x.shape) for name, x in path.items()} == {"value": (6, 2, 3, 12), "memory": (6, 2, 3, 3)}
    for name, x in memory.start(query).items():
        np.testing.assert_array_equal(to_numpy(path[name][0]), to_numpy(x))
    for name, x in rollout(memory, query, 0.1, 5).items():
        np.testing.assert_allclose(to_numpy(path[name][-1]), to_numpy(x), atol=1e-14)
    energies = to_numpy(memory.network.energy(path))
    assert (np.diff(energies, axis=0) <= 1e-12 * np.abs(energies).max()).all()


def test_neurons_are_held(library):
    memory, query = ModernHopfield(to_library(SIGNS, library), beta=2.0), to_library(CUES[0], library)
    mask = np.arange(12) < 4
    found = rollout(memory, query, 0.1, 20, clamp=mask)
    np.testing.assert_array_equal(to_numpy(found["value"])[:, :4], CUES[0][:, :4])
    run = simulate(memory, query, t1=2.0, integrator=Relaxation(0.1), guard=False, clamp=mask, save="all")
    _same(found, run, 20)


def test_a_network_of_ones_own_goes_from_a_dict_of_states(library):
    weights = to_library(RNG.normal(size=(2, 3)), library)
    network = Network(
        {"z": Population(Quadratic(), 2), "a": Population(LogCosh(), 3, tau=0.5)}, [Bilinear(("z", "a"), weights)]
    )
    states = {"a": to_library(RNG.normal(size=(4, 3)), library), "z": to_library(np.zeros(2), library)}
    found = rollout(network, states, 0.1, 7)
    assert list(found) == ["z", "a"]  # the order of the populations
    _same(found, simulate(network, states, t1=0.7, integrator=Relaxation(0.1), guard=False, save="all"), 7)


def test_what_does_not_fit_is_refused():
    memory = ModernHopfield(SIGNS, beta=2.0)
    for steps in (0, -1, 2.0, True, None, "3"):
        with pytest.raises(ValueError, match="steps must be a whole number >= 1"):
            rollout(memory, CUES, 0.1, steps)
    for steps in (2**40, np.int64(2**62)):
        with pytest.raises(ValueError, match=r"A rollout would take .* steps, and no more than 1e\+09 are taken"):
            rollout(memory, CUES, 0.1, steps)
    with pytest.raises(ValueError, match=r"A trajectory of 100000000 steps would need .* GiB of memory"):
        rollout(memory, CUES, 0.1, 10**8, trajectory=True)
    for dt in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="dt must be > 0"):
            rollout(memory, CUES, dt, 3)
    for method in (Rosenbrock(), Scipy(), Relaxation(adaptive=True), Relaxation, None):
        with pytest.raises(ValueError, match=r"rollout makes equal steps, which .* is no method of: use Relaxation"):
            rollout(memory, CUES, 0.1, 3, integrator=method)
    with pytest.raises(ValueError, match="unstable"):
        rollout(memory, CUES, 1.0, 3, integrator="euler")
    with pytest.raises(TypeError, match="A Network is started from a dict of states"):
        rollout(memory.network, CUES, 0.1, 3)
    with pytest.raises(ValueError, match=r"Unknown method of equal steps 'eule'\. Did you mean 'euler'"):
        rollout(memory, CUES, 0.1, 3, integrator="eule")


# --- transformations


@needs_jax
@pytest.mark.broad
def test_it_is_compiled_mapped_and_differentiated():
    import jax

    jnp = jax.numpy
    X, q = jnp.asarray(GREY), jnp.asarray(GREY[0] * 1.1)
    direction = jnp.asarray(RNG.normal(size=q.shape))

    def end(X=X, q=q, beta=2.0, dt=0.1):
        memory = UniversalHopfield(X, "euclidean", beta=beta)
        return jnp.sum(rollout(memory, q, dt, 8)["value"] * direction)

    for name, at in (("X", X), ("q", q), ("beta", 2.0), ("dt", 0.1)):
        along = jnp.asarray(RNG.normal(size=np.shape(at)))
        of = lambda value, name=name: end(**{name: value})  # noqa: E731
        slope = jnp.sum(jax.jit(jax.grad(of))(at) * along)
        step = 1e-5
        differences = (of(at + step * along) - of(at - step * along)) / (2 * step)
        np.testing.assert_allclose(slope, differences, rtol=1e-6)
    memory = UniversalHopfield(X, "euclidean", beta=2.0)
    cues = jnp.asarray(GREY[None] * np.linspace(0.9, 1.1, 4)[:, None, None])
    one = partial(rollout, memory, dt=0.1, steps=8)
    expected = one(cues)["value"]
    for found in (
        jax.jit(lambda q: one(q)["value"])(cues),
        jax.vmap(lambda q: one(q)["value"])(cues),
        jax.jit(jax.vmap(jax.vmap(lambda q: one(q)["value"])))(cues),
        jax.jit(lambda memory, q: rollout(memory, q, 0.1, 8)["value"])(memory, cues),
    ):
        np.testing.assert_allclose(np.asarray(found), np.asarray(expected), atol=1e-13)


@needs_jax
def test_a_new_dt_compiles_nothing(caplog):
    import jax

    memory, q = ModernHopfield(to_library(SIGNS, "jax"), beta=2.0), to_library(CUES[:, :, :], "jax")
    with jax.log_compiles(), caplog.at_level("WARNING"):
        rollout(memory, q, 0.1, 3)
        assert "Compiling jit(_run)" in caplog.text
        caplog.clear()
        rollout(memory, q, 0.2, 3)
        rollout(memory, q, 0.7, 3)
        assert "Compiling" not in caplog.text


@needs_torch
def test_pytorch_differentiates_it_in_both_its_ways():
    import torch

    X, q = to_library(GREY, "torch"), to_library(GREY[0] * 1.1, "torch")
    direction = to_library(RNG.normal(size=12), "torch")

    def end(X, q):
        return (rollout(UniversalHopfield(X, "euclidean", beta=2.0), q, 0.1, 8)["value"] * direction).sum()

    step = 1e-5
    along = to_library(RNG.normal(size=X.shape), "torch")
    differences = float((end(X + step * along, q) - end(X - step * along, q)) / (2 * step))
    leaf = X.clone().requires_grad_()
    end(leaf, q).backward()
    np.testing.assert_allclose(float((leaf.grad * along).sum()), differences, rtol=1e-6)
    np.testing.assert_allclose(float((torch.func.grad(end)(X, q) * along).sum()), differences, rtol=1e-6)
    cues = torch.stack([q, 0.9 * q])
    memory = UniversalHopfield(X, "euclidean", beta=2.0)
    mapped = torch.func.vmap(lambda q: rollout(memory, q, 0.1, 8)["value"])(cues)
    np.testing.assert_allclose(mapped, rollout(memory, cues, 0.1, 8)["value"], atol=1e-13)


@needs_jax
def test_masks_and_time_constants_may_be_traced():
    import jax

    jnp = jax.numpy
    X, q, mask = jnp.asarray(SIGNS), jnp.asarray(CUES[0]), jnp.arange(12) < 4

    def end(mask, tau):
        network = Network(
            {"v": Population(Quadratic(), 12, tau=tau), "h": Population(LogSumExp(2.0), 3, tau=0.5)},
            [Bilinear(("h", "v"), X)],
        )
        return rollout(network, {"v": q, "h": q @ X.T}, 0.1, 5, clamp={"v": mask}, integrator="euler")["v"]

    np.testing.assert_allclose(np.asarray(jax.jit(end)(mask, 1.5)), np.asarray(end(mask, 1.5)), atol=1e-13)
