"""The door and the loop: shapes, clocks, save times, clamping, failures, gradients, agreement of libraries."""

import math
import warnings

import numpy as np
import pytest

from helpers import few, to_library, to_numpy
from hopfield.dynamics import (
    Diffrax,
    Euler,
    LogCosh,
    LogSumExp,
    Network,
    Population,
    Quadratic,
    Relaxation,
    Result,
    Rosenbrock,
    RungeKutta,
    Scipy,
    SimulationError,
    Synapse,
    energy_rate_below,
    near,
    settled,
    simulate,
    steady,
)
from hopfield.models import ModernHopfield, UniversalHopfield

SIMILARITIES = ["dot", "euclidean", "manhattan", "cosine"]


def memory_of(rng, sim="dot", library="numpy", dtype=np.float64, **options):
    patterns = to_library(rng.normal(size=(4, 3)).astype(dtype), library)
    return UniversalHopfield(patterns, sim, "softmax", **{"beta": 2.0, "tau_memory": 0.3, **options})


# ----------------------------------------------------------------------------------------- shapes, batches


@pytest.mark.parametrize("batch", [(), (5,), (2, 3)], ids=str)
@pytest.mark.parametrize("integrator", [Relaxation(0.25), Euler(0.125), Scipy("RK45"), RungeKutta()], ids=type)
def test_batch_axes_of_the_query_lead_everywhere(batch, integrator, rng):
    memory, query = memory_of(rng), rng.normal(size=(*batch, 3))
    run = simulate(memory, query, t1=1.0, integrator=integrator, save_at=[0.0, 0.5, 1.0], save="all")
    assert run.times.shape == (3,)
    assert run.states["value"].shape == (3, *batch, 3)
    assert run.states["memory"].shape == (3, *batch, 4)
    assert run.activations["memory"].shape == (3, *batch, 4)
    assert run.energy.shape == run.energy_scale.shape == (3, *batch)
    assert run.converged.shape == run.residual.shape == run.steps.shape == batch
    assert run.final["value"].shape == (*batch, 3)
    assert run.final["memory"].shape == (*batch, 4)
    np.testing.assert_allclose(run.final["value"], run.states["value"][-1], rtol=1e-14)
    every = simulate(memory, query, t1=1.0, integrator=integrator)
    assert every.states["value"].shape == (len(every.times), *batch, 3)
    assert every.times.shape in ((len(every.times),), (len(every.times), *batch))


@pytest.mark.parametrize("sim", SIMILARITIES)
@pytest.mark.parametrize("library_name", ["numpy", "torch"])
def test_a_batch_equals_one_by_one(sim, library_name, rng):
    pytest.importorskip(library_name)
    memory, query = memory_of(rng, sim, library_name), rng.normal(size=(2, 3, 3))
    together = simulate(memory, to_library(query, library_name), t1=1.0, integrator=Relaxation(0.25))
    for j, k in np.ndindex(2, 3):
        alone = simulate(memory, to_library(query[j, k], library_name), t1=1.0, integrator=Relaxation(0.25))
        for got, wanted in (
            (alone.states["value"], together.states["value"][:, j, k]),
            (alone.energy, together.energy[:, j, k]),
            (alone.final["memory"], together.final["memory"][j, k]),
        ):
            np.testing.assert_allclose(to_numpy(got), to_numpy(wanted), rtol=1e-12, atol=1e-13)


def test_states_of_a_network_broadcast_against_one_another(rng):
    memory = memory_of(rng)
    states = {"value": rng.normal(size=(5, 3)), "memory": rng.normal(size=4)}
    run = simulate(memory.network, states, t1=0.5)
    assert run.final["memory"].shape == (5, 4)
    alone = simulate(memory.network, {"value": states["value"][2], "memory": states["memory"]}, t1=0.5)
    np.testing.assert_allclose(run.final["memory"][2], alone.final["memory"], rtol=1e-13)


@pytest.mark.parametrize("sim", SIMILARITIES)
def test_three_libraries_agree(sim, rng):
    memory, query = memory_of(rng, sim), rng.normal(size=(2, 3))
    expected = simulate(memory, query, t1=1.0, integrator=Relaxation(0.25, order=2), save="all")
    for library in ("jax", "torch") if sim in ("dot", "manhattan") else ("torch",):
        pytest.importorskip(library)
        run = simulate(
            memory.to(library), to_library(query, library), t1=1.0, integrator=Relaxation(0.25, order=2), save="all"
        )
        for name in ("value", "memory"):
            np.testing.assert_allclose(to_numpy(run.states[name]), expected.states[name], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(to_numpy(run.energy), expected.energy, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(run.residual, expected.residual, rtol=1e-9)
        np.testing.assert_array_equal(run.times, expected.times)


@pytest.mark.parametrize("sim", SIMILARITIES)
def test_nothing_is_cast(sim, dtype, rng):
    memory = memory_of(rng, sim, dtype=dtype, bias=np.zeros(3, dtype) if sim != "cosine" else 0.0)
    for integrator in (Relaxation(0.25), Relaxation(math.inf), "auto"):
        run = simulate(memory, rng.normal(size=3).astype(dtype), t1=1.0, integrator=integrator, save="all")
        assert {x.dtype for x in (*run.states.values(), *run.final.values(), run.energy)} == {np.dtype(dtype)}


# ---------------------------------------------------------------------------------------- clock, save times


def test_every_step_is_saved_by_default(rng):
    run = simulate(memory_of(rng), rng.normal(size=3), t1=1.0, integrator=Relaxation(0.25))
    np.testing.assert_allclose(run.times, [0, 0.25, 0.5, 0.75, 1.0], rtol=1e-14)
    assert list(run.states) == ["value"]  # the memory population can be a million wide
    assert set(run.final) == {"value", "memory"}
    assert run.statistics["steps"] == run.steps == 4


def test_equal_steps_of_at_most_dt_end_on_the_save_times(rng):
    memory, query = memory_of(rng), rng.normal(size=3)
    times = [0.0, 0.3, 1.0, 1.05]
    run = simulate(memory, query, t1=1.2, integrator=Relaxation(0.25), save_at=times)
    np.testing.assert_array_equal(run.times, times)  # exactly
    assert run.steps == 2 + 3 + 1 + 1
    state = memory.start(query)
    for k, (span, steps) in enumerate([(0.3, 2), (0.7, 3), (0.05, 1)]):
        state = simulate(memory.network, state, t1=span, integrator=Relaxation(span / steps)).final
        np.testing.assert_allclose(run.states["value"][k + 1], state["value"], rtol=1e-12)
    last = simulate(memory.network, state, t1=0.15, integrator=Relaxation(0.15)).final  # 1.05 to 1.2
    np.testing.assert_allclose(run.final["value"], last["value"], rtol=1e-12)


def test_a_step_that_divides_the_time_up_to_rounding_is_not_split(rng):
    run = simulate(memory_of(rng), rng.normal(size=3), t1=0.1 * 3, integrator=Relaxation(0.1))
    assert run.steps == 3
    assert simulate(memory_of(rng), rng.normal(size=3), t1=1e2, integrator=Relaxation(0.1), save_at=[1e2]).steps == 1000


def test_a_step_longer_than_the_time_ends_with_it(rng):
    memory, query = memory_of(rng), rng.normal(size=3)
    long = simulate(memory, query, t1=0.4, integrator=Relaxation(50.0))
    np.testing.assert_array_equal(long.times, [0, 0.4])
    np.testing.assert_allclose(
        long.final["value"], simulate(memory, query, t1=0.4, integrator=Relaxation(0.4)).final["value"]
    )


@pytest.mark.parametrize("integrator", [Relaxation(0.1), Scipy("DOP853"), RungeKutta(), Rosenbrock()], ids=type)
def test_a_last_save_time_beyond_t1_by_rounding_is_t1(integrator, rng):
    run = simulate(memory_of(rng), rng.normal(size=3), t1=0.7, integrator=integrator, save_at=[0.1 * 7])
    assert 0.1 * 7 > 0.7
    np.testing.assert_array_equal(run.times, [0.7])


def test_save_chooses_the_populations(rng):
    memory, query = memory_of(rng, projection=rng.normal(size=(4, 2))), rng.normal(size=3)
    chosen = {
        str(save): list(simulate(memory, query, t1=0.2, save=save).states)
        for save in (None, "all", "memory", ["output", "memory"])
    }
    assert chosen == {
        "None": ["value", "output"],
        "all": ["value", "output", "memory"],
        "memory": ["memory"],
        "['output', 'memory']": ["output", "memory"],
    }
    alone = Network({"memory": Population(Quadratic(), 3)})  # a network of nothing else saves it after all
    assert list(simulate(alone, {"memory": rng.normal(size=3)}, t1=0.2).states) == ["memory"]


def test_memory_neurons_start_in_equilibrium_unless_told_otherwise(rng):
    memory, query = memory_of(rng), rng.normal(size=(5, 3))
    run = simulate(memory, query, t1=0.5, save="all")
    np.testing.assert_allclose(run.states["memory"][0], query @ memory.memories.T, rtol=1e-13)
    cold = simulate(memory, query, t1=0.5, save="all", memory_state=np.zeros((5, 4)))
    np.testing.assert_array_equal(cold.states["memory"][0], np.zeros((5, 4)))
    assert np.abs(cold.final["value"] - run.final["value"]).max() > 1e-3
    np.testing.assert_array_equal(  # one state for all samples
        simulate(memory, query, t1=0.5, memory_state=np.zeros(4)).final["value"], cold.final["value"]
    )
    with pytest.raises(ValueError, match=r"memory_state has shape \(3,\) but must be \(..., 4\)"):
        simulate(memory, query, t1=0.5, memory_state=np.zeros(3))
    with pytest.raises(ValueError, match="leave out memory_state"):
        simulate(memory, memory.start(query), t1=0.5, memory_state=np.zeros(4))
    with pytest.raises(ValueError, match=r"tau_memory=0.*leave out memory_state"):
        simulate(memory.adiabatic(), query, t1=0.5, memory_state=np.zeros(4))


# ------------------------------------------------------------------------------- samples that finish early


def staggered(rng):
    """Five cues from close to far: they settle at different times."""
    memory = ModernHopfield(np.eye(3) * 1.5, beta=4.0, tau_memory=0.2)
    corners = memory.retrieve(memory.memories).state
    return memory, corners[[0, 1, 2, 0, 1]] + np.array([1e-5, 1e-3, 0.05, 0.4, 0.0])[:, None] * rng.normal(size=(5, 3))


@pytest.mark.parametrize(
    ("library_name", "save_at"), [("numpy", None), ("numpy", "times"), ("torch", None), ("jax", "times")]
)
def test_finished_samples_leave_the_batch_and_stay_as_they_are(library_name, save_at, rng):
    pytest.importorskip(library_name)
    memory, query = staggered(rng)
    save_at = None if save_at is None else [0.0, 1.0, 2.5, 4.0, 40.0]
    here = memory.to(library_name)
    options = {"t1": 40.0, "integrator": Relaxation(0.5), "save_at": save_at, "stop": "steady"}
    run = simulate(here, to_library(query, library_name), **options)
    assert run.result is Result.STOPPED
    assert run.converged.all()
    assert len(set(run.steps.tolist())) >= 4  # they do leave one by one
    for k in range(5):
        alone = simulate(memory, query[k], **options)
        assert alone.steps == run.steps[k]
        np.testing.assert_allclose(to_numpy(run.final["value"])[k], alone.final["value"], rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(to_numpy(run.final["memory"])[k], alone.final["memory"], rtol=1e-12, atol=1e-13)
        states = to_numpy(run.states["value"])[:, k]
        rows = len(alone.states["value"])
        np.testing.assert_allclose(states[:rows], alone.states["value"], rtol=1e-12, atol=1e-13)
        assert (states[rows:] == states[rows - 1]).all()  # the last row is repeated
        np.testing.assert_array_equal(states[-1], to_numpy(run.final["value"])[k])
    energy = to_numpy(run.energy)
    assert (np.diff(energy, axis=0) <= 1e-14).all()


@pytest.mark.parametrize("library_name", few(["numpy", "torch", "jax"], 2))
@pytest.mark.parametrize("save_at", [None, 3, "times"], ids=str)
@pytest.mark.parametrize("stop", [None, steady()], ids=["to the end", "steady"])
def test_steps_taken_together_are_those_taken_one_by_one(library_name, save_at, stop, rng):
    """A function of one's own is asked after every step; conditions of the package and records need no look at each."""
    pytest.importorskip(library_name)
    memory, query = staggered(rng)
    memory, query = memory.to(library_name), to_library(query, library_name)
    options = {
        "t1": 20.3,
        "integrator": Relaxation(0.5),
        "save_at": [0.0, 2.0, 2.75, 19.0] if save_at == "times" else save_at,
    }
    together = simulate(memory, query, stop=stop, **options)
    apart = simulate(
        memory, query, stop=lambda moment: stop(moment) if stop else np.zeros(moment.rows.size, bool), **options
    )
    assert together.result is apart.result
    np.testing.assert_array_equal(together.steps, apart.steps)
    np.testing.assert_allclose(together.times, apart.times, rtol=1e-13)
    np.testing.assert_allclose(together.reached, apart.reached, rtol=1e-13)
    for one, other in ((together.states, apart.states), (together.final, apart.final)):
        np.testing.assert_allclose(to_numpy(one["value"]), to_numpy(other["value"]), rtol=1e-12, atol=1e-14)
    for name in ("energy", "energy_scale"):
        one, other = to_numpy(getattr(together, name)), to_numpy(getattr(apart, name))
        np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-14)
    assert together.statistics["evaluations"] == apart.statistics["evaluations"]


def test_times_are_common_and_belong_to_the_rows(rng):
    memory, query = staggered(rng)
    run = simulate(memory, query, t1=40.0, integrator=Relaxation(0.5), stop="steady")
    last = run.steps.max()
    np.testing.assert_allclose(run.times, 0.5 * np.arange(last + 1))
    for k, steps in enumerate(run.steps):
        assert run.reached[k] == 0.5 * steps
        assert (run.states["value"][steps:, k] == run.final["value"][k]).all()


def test_the_shape_of_times_is_decided_by_the_method_and_not_by_the_data(rng):
    """One clock gives (T,), a clock for each sample (T, ...), whether or not samples happen to agree."""
    memory, cue = ModernHopfield(rng.normal(size=(4, 3)), beta=2.0), rng.normal(size=3)
    cues = {"two": rng.normal(size=(2, 3)), "equal": np.stack([cue, cue]), "a batch of one": cue[None], "one": cue}
    for name, query in cues.items():
        for stop in (None, "steady"):
            fixed = simulate(memory, query, t1=30.0, integrator=Relaxation(0.5), stop=stop)
            assert fixed.times.shape == fixed.energy.shape[:1], name
            for method in (Rosenbrock(), RungeKutta(), Relaxation(0.5, adaptive=True)):
                own = simulate(memory, query, t1=30.0, integrator=method, stop=stop)
                assert own.times.shape == own.energy.shape, name
            assert simulate(memory, query, t1=3.0, integrator=Rosenbrock(), save_at=[1.0, 3.0]).times.shape == (2,)


def test_a_sample_that_ended_stays_where_it_is_between_the_saved_times_too(rng):
    memory, query = staggered(rng)
    run = simulate(memory, query, t1=40.0, integrator=Relaxation(0.5), stop="steady", save="all")
    first = int(np.argmin(run.reached))
    between = run.at([run.reached[first] + 0.2, run.reached[first] + 0.7])["value"][:, first]
    np.testing.assert_array_equal(between, np.stack([run.final["value"][first]] * 2))


def test_each_sample_may_stop_alone(rng):
    memory, query = staggered(rng)
    target = memory.retrieve(query[3]).state
    run = simulate(memory, query[[3, 1]], t1=4.0, integrator=Relaxation(0.5), stop=near(target, 0.1))
    assert run.steps[0] < run.steps[1] == 8
    assert run.result is Result.COMPLETED  # one of them ran to the end
    assert np.linalg.norm(run.final["value"][0] - target) <= 0.1
    assert (
        simulate(memory, query[3], t1=4.0, integrator=Relaxation(0.5), stop=near(target, 0.1)).result is Result.STOPPED
    )


def test_converged_says_what_the_last_state_is(rng):
    memory, query = staggered(rng)
    early = simulate(memory, query, t1=0.5)
    assert not early.converged[3]
    late = simulate(memory, query, t1=60.0)
    assert late.converged.all()
    assert (late.residual <= 1e-6).all()
    assert early.residual[3] > 1e-6
    velocity = memory.network.velocity(early.final)
    rms = {n: np.sqrt(np.mean(x**2, axis=-1)) for n, x in early.final.items()}
    speed = {n: np.sqrt(np.mean(v**2, axis=-1)) for n, v in velocity.items()}
    start = memory.start(query)["memory"]
    size = {"value": np.sqrt(np.mean(memory.memories**2)), "memory": np.sqrt(np.mean(start**2, axis=-1))}
    expected = np.maximum(
        speed["value"] / (size["value"] + rms["value"]), 0.2 * speed["memory"] / (size["memory"] + rms["memory"])
    )
    np.testing.assert_allclose(early.residual, expected, rtol=1e-10)


def test_statistics_and_repr(rng):
    run = simulate(memory_of(rng), rng.normal(size=(5, 3)), t1=1.0, integrator=Relaxation(0.25))
    assert run.statistics["steps"] == 4
    assert run.statistics["rejected"] == run.statistics["held"] == 0
    assert run.statistics["evaluations"] >= 4
    assert run.statistics["seconds"] > 0
    assert run.statistics["integrator"].startswith("Relaxation(dt=0.25")
    assert run.result is Result.COMPLETED
    assert repr(run) == f"Trajectory(5 times to t=1, value (5, 5, 3), {run.converged.sum()} of 5 converged, COMPLETED)"


@pytest.mark.parametrize("integrator", [Scipy("RK45"), Scipy("LSODA"), RungeKutta()], ids=["RK45", "LSODA", "dopri5"])
def test_step_counts_do_not_depend_on_what_is_saved(integrator, rng):
    memory, query = memory_of(rng), rng.normal(size=(2, 3))
    every = simulate(memory, query, t1=3.0, integrator=integrator)
    if every.times.ndim == 2:
        assert (np.count_nonzero(np.diff(every.times, axis=0), axis=0) == every.steps).all()
    if isinstance(integrator, Scipy):  # its steps are not cut by save times
        np.testing.assert_array_equal(
            simulate(memory, query, t1=3.0, integrator=integrator, save_at=[1.0, 3.0]).steps, every.steps
        )


# ------------------------------------------------------------------------------------------------ clamping


@pytest.mark.parametrize("library", ["numpy", "torch"])  # JAX below
def test_clamped_neurons_stay_and_the_energy_still_falls(library, rng):
    pytest.importorskip(library)
    query = rng.normal(size=(2, 3, 3))
    mask = np.array([True, False, True])
    for sim in SIMILARITIES[:3]:
        memory = memory_of(rng, sim, library)
        start = to_library(query, library)
        for dt in (0.2, math.inf):
            run = simulate(memory, start, t1=3.0, integrator=Relaxation(dt), clamp=to_library(mask, library))
            value, energy = to_numpy(run.states["value"]), to_numpy(run.energy)
            assert (value[..., mask] == query[..., mask]).all()
            assert np.abs(value[-1] - value[0])[..., ~mask].max() > 1e-3
            assert (np.diff(energy, axis=0) <= 1e-13 * (1 + abs(energy[1:]))).all()
            named = simulate(
                memory, start, t1=3.0, integrator=Relaxation(dt), clamp={"value": to_library(mask, library)}
            )
            np.testing.assert_array_equal(to_numpy(named.states["value"]), value)


def test_clamping_on_jax_equals_numpy(rng):
    pytest.importorskip("jax")
    memory, query = memory_of(rng), rng.normal(size=(2, 3))
    mask = np.array([[True, False, True], [False, False, True]])  # a mask of each sample's own
    expected = simulate(memory, query, t1=0.5, integrator=Relaxation(0.25), clamp=mask)
    run = simulate(memory.to("jax"), to_library(query, "jax"), t1=0.5, integrator=Relaxation(0.25), clamp=mask)
    np.testing.assert_allclose(to_numpy(run.states["value"]), expected.states["value"], rtol=1e-12, atol=1e-13)
    assert (to_numpy(run.final["value"])[mask] == query[mask]).all()


@pytest.mark.parametrize(
    "integrator", [Relaxation(0.1), Euler(0.05), Scipy("BDF"), RungeKutta(rtol=1e-8), Rosenbrock()], ids=type
)
def test_every_integrator_holds_what_is_clamped(integrator, rng):
    memory, query = memory_of(rng), rng.normal(size=3)
    mask = np.array([False, True, False])
    run = simulate(memory, query, t1=40.0, integrator=integrator, save_at=[0.0, 40.0], clamp=mask)
    assert (run.states["value"][:, mask] == query[mask]).all()
    assert run.converged  # the residual leaves out what is held
    # where it comes to rest the free neurons feel no force
    rest = memory.network.velocity(run.final)["value"]
    assert np.abs(rest[~mask]).max() < 1e-4
    assert np.abs(rest[mask]).max() > 1e-3


def test_a_whole_population_can_be_held(rng):
    memory, query = memory_of(rng), rng.normal(size=(5, 3))
    h = rng.normal(size=(5, 4))
    run = simulate(memory, query, t1=50.0, clamp={"memory": True}, memory_state=h, save="all")
    assert (run.states["memory"] == h).all()
    weights = np.exp(2 * h) / np.exp(2 * h).sum(-1, keepdims=True)
    np.testing.assert_allclose(run.final["value"], weights @ memory.memories, rtol=1e-12)
    held = simulate(memory, query, t1=50.0, clamp=True, save="all")
    assert (held.states["value"] == query).all()


def test_clamping_part_of_a_softmax_population_warns(rng):
    memory, query = memory_of(rng), rng.normal(size=3)
    with pytest.warns(UserWarning, match=r"Part of 'memory' is clamped.*couples its neurons"):
        simulate(memory, query, t1=0.2, clamp={"memory": np.array([True, False, False, False])})
    with pytest.raises(ValueError, match=r"clamp of 'value' has shape \(2,\).*3 neurons"):
        simulate(memory, query, t1=0.2, clamp=np.array([True, False]))
    with pytest.raises(ValueError, match=r"Unknown population to clamp 'values'. Did you mean 'value'"):
        simulate(memory, query, t1=0.2, clamp={"values": True})


# ------------------------------------------------------------------------------------------------- failures


def runaway(rng, tau_memory=0.0):
    with pytest.warns(UserWarning, match="no lower bound"):
        return UniversalHopfield(3 * rng.normal(size=(4, 3)), "dot", "polynomial(3)", tau_memory=tau_memory)


def test_a_diverging_run_raises_with_what_there_is(rng):
    memory = runaway(rng)
    query = np.stack([np.zeros(3), np.full(3, 5.0)])  # the first sits at the saddle, the second runs away
    with pytest.raises(SimulationError, match=r"NaN or infinite.*sample 1.*not finite at t=.*steps of Euler") as caught:
        simulate(memory, query, t1=10.0, integrator=Euler(0.1))
    run = caught.value.trajectory
    assert caught.value.result is run.result is Result.NOT_FINITE
    assert len(run.times) == len(run.energy) == len(run.states["value"]) > 1
    assert (np.diff(run.times) > 0).all()
    assert run.reached[0] == run.times[-1] == 10  # the first is not kept from its end
    assert run.reached[1] < 1
    known = run.times <= run.reached[1]
    assert np.isfinite(run.energy[:, 0]).all()
    assert not np.isfinite(run.energy[~known, 1]).any()
    assert np.isnan(run.states["value"][~known, 1][1:]).all()
    assert (run.states["value"][:, 0] == 0).all()
    quiet = simulate(memory, query, t1=10.0, integrator=Euler(0.1), throw=False)
    assert quiet.result is Result.NOT_FINITE
    np.testing.assert_array_equal(quiet.times, run.times)
    assert not quiet.converged[1]


def test_a_diverging_run_with_identity_separation_and_euler(rng):
    with pytest.warns(UserWarning, match="no lower bound"):
        memory = UniversalHopfield(10 * rng.normal(size=(4, 3)), "dot", "identity", tau_memory=1.0)
    with pytest.raises(SimulationError, match=r"sample 0 .*not finite at t=\d.*no lower bound"):
        simulate(memory, rng.normal(size=3), t1=1e4, integrator=Euler(1.0))


def test_a_failed_run_claims_no_save_times_that_it_did_not_reach(rng):
    with pytest.raises(SimulationError) as caught:
        simulate(runaway(rng), np.full(3, 5.0), t1=10.0, integrator=Euler(0.1), save_at=[0.0, 0.1, 5.0, 7.0, 10.0])
    run = caught.value.trajectory
    np.testing.assert_array_equal(run.times, [0.0, 0.1])
    assert len(run.energy) == len(run.states["value"]) == 2
    assert 0.1 <= run.reached < 5


@pytest.mark.parametrize("save_at", [None, [10.0], [0.0, 10.0]], ids=str)
def test_a_library_that_gives_up_says_why(save_at, rng):
    memory = runaway(rng)
    with pytest.raises(SimulationError, match=r"gave up.*SciPy RK45 stopped at t=.*step size") as caught:
        simulate(memory, np.full(3, 5.0), t1=10.0, integrator=Scipy("RK45"), save_at=save_at)
    run = caught.value.trajectory
    assert run.result is Result.GAVE_UP
    assert len(run.times) == len(run.energy) == len(run.states["value"]) == {None: len(run.times), 1: 0, 2: 1}[
        save_at and len(save_at)
    ]  # fmt: skip
    assert (np.asarray(run.times) < 10).all()
    assert np.abs(run.final["value"]).max() > 100  # the last state that was reached


def test_too_small_a_step_and_too_many_of_them_are_said(rng):
    with pytest.raises(SimulationError, match=r"too small to go on|NaN or infinite"):
        simulate(runaway(rng), np.full(3, 5.0), t1=10.0, integrator=RungeKutta())
    with pytest.raises(SimulationError, match=r"more steps.*Sample 0 took 20 steps.*stiff.*Rosenbrock") as caught:
        simulate(memory_of(rng, tau_memory=1e-4), rng.normal(size=3), t1=10.0, integrator=RungeKutta(max_steps=20))
    assert caught.value.result is Result.TOO_MANY_STEPS


# ------------------------------------------------------------------------------------- exact answers, users


class DoubleWell(Synapse):
    """E = sum (x^2 - 1)^2/4: every neuron in a double well of its own."""

    between = ("x",)

    def energy(self, x):
        return ((x**2 - 1) ** 2).sum(-1) / 4

    def forces(self, x):
        return (x - x**3,)


class DerivedWell(Synapse):
    """The same, of which the forces are derived."""

    between = ("x",)

    def energy(self, x):
        return ((x**2 - 1) ** 2).sum(-1) / 4


def well(synapse):
    return Network({"x": Population(Quadratic(), 2, leak=0.0)}, [synapse])


EXACT = 1 / math.sqrt(1 + (1 / 0.3**2 - 1) * math.exp(-2 * 1.7))  # x' = x - x^3 from 0.3 at t = 1.7


@pytest.mark.parametrize(
    ("integrator", "tol"),
    [
        (Scipy("DOP853", rtol=1e-12, atol=1e-13), 1e-10),
        (Scipy("Radau", rtol=1e-11, atol=1e-13), 1e-9),
        (RungeKutta(rtol=1e-10, atol=1e-12), 1e-9),
        (RungeKutta("tsit5", rtol=1e-10, atol=1e-12), 1e-9),
        (Rosenbrock(rtol=1e-7, atol=1e-9), 1e-6),
        (Euler(1e-3), 1e-3),
        (Relaxation(1e-3), 1e-3),
    ],
    ids=["DOP853", "Radau", "dopri5", "tsit5", "rosenbrock", "euler", "relaxation"],
)
def test_the_double_well_has_its_exact_solution(integrator, tol):
    assert round(EXACT, 10) == 0.8646945258
    if isinstance(integrator, Rosenbrock):
        pytest.importorskip("torch")  # derives what the synapse does not give
        network, start = well(DerivedWell()), to_library(np.array([0.3, -0.3]), "torch")
    else:
        network, start = well(DoubleWell()), np.array([0.3, -0.3])
    run = simulate(network, {"x": start}, t1=1.7, integrator=integrator, save_at=[0.0, 1.7])
    np.testing.assert_allclose(to_numpy(run.final["x"]), [EXACT, -EXACT], rtol=0, atol=tol)
    x = np.array([[0.3, -0.3], to_numpy(run.final["x"])])
    np.testing.assert_allclose(to_numpy(run.energy), ((x**2 - 1) ** 2).sum(-1) / 4, rtol=1e-13)


@pytest.mark.broad
def test_the_double_well_by_diffrax_with_derived_forces():
    jax = pytest.importorskip("jax")
    pytest.importorskip("diffrax")
    run = simulate(
        well(DerivedWell()),
        {"x": jax.numpy.asarray([0.3, -0.3])},
        t1=1.7,
        integrator=Diffrax("Tsit5", rtol=1e-11, atol=1e-13),
        save_at=[1.7],
    )
    np.testing.assert_allclose(to_numpy(run.final["x"]), [EXACT, -EXACT], rtol=0, atol=1e-9)


def half_overlap(memories, g):
    return 0.5 * (g @ memories.T)


@pytest.mark.filterwarnings("ignore:The steps had no error control")
@pytest.mark.parametrize("library", few(["numpy", "torch", "jax"], 2))
def test_the_guard_takes_again_only_the_samples_whose_energy_rose(library, rng):
    pytest.importorskip(library)
    tried = []

    class Counted(Relaxation):
        def step(self, flow, point, dt, theta=None):
            if theta is not None:
                tried.append(len(point.states["value"]))
            return super().step(flow, point, dt, theta)

    patterns = rng.normal(size=(10, 32))
    options = {"beta": 1.0, "value_lagrangian": LogCosh(), "tau_memory": 0.0}
    memory = UniversalHopfield(to_library(patterns, library), "euclidean", **options)
    settings = {"t1": 8.0, "integrator": Counted(1.2), "guard": True, "save_at": [8.0]}
    cues = np.clip(np.tanh(patterns[rng.integers(10, size=70)]) + 0.3 * rng.normal(size=(70, 32)), -0.95, 0.95)
    together = simulate(memory, to_library(cues, library), **settings)
    assert 0 < max(tried) < 70
    assert together.statistics["rejected"] > 0
    alone = [simulate(memory, to_library(cue, library), **settings) for cue in cues[:5]]
    for k, one in enumerate(alone):
        assert one.steps == together.steps[k]
        np.testing.assert_allclose(
            to_numpy(one.final["value"]), to_numpy(together.final["value"])[k], rtol=1e-9, atol=1e-9
        )


@pytest.mark.parametrize("library_name", ["jax", "torch"])
def test_a_similarity_given_as_a_function_runs_by_autodiff(library_name, rng):
    pytest.importorskip(library_name)
    patterns, query = rng.normal(size=(4, 3)), rng.normal(size=3)
    mine = UniversalHopfield(to_library(patterns, library_name), half_overlap, "softmax", beta=2.0, tau_memory=0.0)
    same = ModernHopfield(0.5 * patterns, beta=2.0, tau_memory=0.0)
    run = simulate(mine, to_library(query, library_name), t1=0.5, integrator=Relaxation(0.25))
    expected = simulate(same, query, t1=0.5, integrator=Relaxation(0.25))
    assert run.statistics["guard"] is True
    np.testing.assert_allclose(to_numpy(run.final["value"]), expected.final["value"], rtol=1e-12)


def test_a_custom_lagrangian_as_value_neurons(rng):
    from hopfield.dynamics import CustomLagrangian

    def value(x):
        return np.log(np.cosh(x)).sum(-1)

    custom = CustomLagrangian(
        value, np.tanh, lambda x, u: u / np.cosh(x) ** 2, np.arctanh, is_convex=True, is_elementwise=True
    )
    patterns, query = rng.normal(size=(4, 3)), np.array([0.2, -0.5, 0.1])
    runs = [
        simulate(UniversalHopfield(patterns, value_lagrangian=kind, beta=2.0), query, t1=2.0)
        for kind in (custom, LogCosh())
    ]
    np.testing.assert_allclose(runs[0].states["value"], runs[1].states["value"], rtol=1e-12)
    np.testing.assert_allclose(runs[0].energy, runs[1].energy, rtol=1e-11)


# ------------------------------------------------------------------------------------------------ gradients


def last_sum(patterns, beta, query, sim, integrator=None):
    memory = UniversalHopfield(patterns, sim, "softmax", beta=beta, tau_memory=0.3)
    return simulate(memory, query, t1=0.4, integrator=integrator or Relaxation(0.2)).final["value"].sum()


def differences(patterns, beta, query, sim, step=1e-6):
    slopes = np.empty_like(patterns)
    for index in np.ndindex(*patterns.shape):
        shift = np.zeros_like(patterns)
        shift[index] = step
        ahead, behind = (last_sum(patterns + s * shift, beta, query, sim) for s in (1, -1))
        slopes[index] = (ahead - behind) / (2 * step)
    ahead, behind = (last_sum(patterns, beta + s * step, query, sim) for s in (1, -1))
    return slopes, (ahead - behind) / (2 * step)


@pytest.mark.parametrize("sim", SIMILARITIES)
def test_gradients_through_a_simulation_on_torch(sim, rng):
    torch = pytest.importorskip("torch")
    patterns, query = rng.normal(size=(4, 3)), rng.normal(size=3)
    leaves = torch.tensor(patterns, requires_grad=True), torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    last_sum(*leaves, torch.tensor(query), sim).backward()
    slopes, slope = differences(patterns, 1.5, query, sim)
    assert np.abs(slopes).max() > 0.01
    np.testing.assert_allclose(leaves[0].grad, slopes, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(0.0 if leaves[1].grad is None else leaves[1].grad, slope, rtol=1e-6, atol=1e-8)
    if sim != "manhattan":  # its value step can rest on a stored coordinate, which beta does not move
        assert abs(slope) > 1e-3


def test_gradients_through_a_simulation_on_jax(rng):
    jax = pytest.importorskip("jax")
    patterns, query = rng.normal(size=(4, 3)), rng.normal(size=3)
    gradient = jax.grad(lambda p, b: last_sum(p, b, jax.numpy.asarray(query), "dot", Relaxation(0.4)), argnums=(0, 1))
    found = gradient(jax.numpy.asarray(patterns), jax.numpy.asarray(1.5))
    ahead, behind = (last_sum(patterns, 1.5 + s * 1e-6, query, "dot", Relaxation(0.4)) for s in (1, -1))
    slope = (ahead - behind) / 2e-6
    np.testing.assert_allclose(found[1], slope, rtol=1e-6)
    assert abs(slope) > 1e-3
    shift = rng.normal(size=(4, 3))
    ahead, behind = (last_sum(patterns + s * 1e-6 * shift, 1.5, query, "dot", Relaxation(0.4)) for s in (1, -1))
    np.testing.assert_allclose(np.sum(np.asarray(found[0]) * shift), (ahead - behind) / 2e-6, rtol=1e-6)


# ------------------------------------------------------------------------------------------------- the door


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"t1": 0}, ValueError, "t1 must be > 0 and finite, got 0"),
        ({"t1": -1.0}, ValueError, "t1 must be > 0"),
        ({"t1": math.nan}, ValueError, "t1 must be > 0"),
        ({"t1": math.inf}, ValueError, "t1 must be > 0 and finite"),
        ({"t1": "long"}, TypeError, "t1 must be one number, got 'long'"),
        ({"integrator": "relaxatoin"}, ValueError, "Unknown integrator 'relaxatoin'. Did you mean 'relaxation'"),
        ({"integrator": 3}, ValueError, "Unknown integrator 3"),
        ({"stop": "stead"}, ValueError, "Unknown stop condition 'stead'. Did you mean 'steady'"),
        ({"save": "memry"}, ValueError, "Unknown population to save 'memry'. Did you mean 'memory'"),
        ({"save": ["value", "out"]}, ValueError, "Unknown population to save 'out'"),
        ({"save_at": [0.5, 0.2]}, ValueError, r"save_at must be increasing times from 0 to t1=1, got \[0.5, 0.2\]"),
        ({"save_at": [0.2, 0.2]}, ValueError, "increasing"),
        ({"save_at": [-0.1, 0.2]}, ValueError, "from 0"),
        ({"save_at": [0.5, 1.5]}, ValueError, "to t1=1"),
        ({"save_at": []}, ValueError, "increasing times"),
        ({"save_at": [math.nan]}, ValueError, "increasing times"),
        ({"save_at": [0.5], "integrator": Relaxation(math.inf)}, ValueError, r"counts updates.*whole numbers.*0\.5"),
        ({"integrator": Scipy(), "stop": "steady"}, ValueError, "Scipy hands the whole solve to its library"),
        ({"integrator": Scipy(), "guard": True}, ValueError, "stop and guard do not reach"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_makes_no_sense_is_refused_with_the_reason(options, error, words, rng):
    with pytest.raises(error, match=words):
        simulate(memory_of(rng), rng.normal(size=3), **{"t1": 1.0, **options})


def test_a_network_is_started_from_states(rng):
    network = memory_of(rng).network
    with pytest.raises(TypeError, match=r"dict of states, one for each of \['value', 'memory'\]; got ndarray"):
        simulate(network, rng.normal(size=3), t1=1.0)
    with pytest.raises(ValueError, match=r"states must be of \['value', 'memory'\], got \['value'\]"):
        simulate(network, {"value": rng.normal(size=3)}, t1=1.0)
    with pytest.raises(ValueError, match=r"state 'memory' has shape \(3,\) but must be \(..., 4\).*has 4 neurons"):
        simulate(network, {"value": rng.normal(size=3), "memory": rng.normal(size=3)}, t1=1.0)


def test_progress_writes_nothing_into_a_pipe(rng, capsys):
    simulate(memory_of(rng), rng.normal(size=3), t1=0.5, progress=True)
    assert capsys.readouterr() == ("", "")


def test_stop_conditions_are_asked_once_a_step(rng):
    asked = []

    def never(moment):
        asked.append(moment)
        return np.zeros(moment.states["value"].shape[0], dtype=bool)

    run = simulate(memory_of(rng), rng.normal(size=3), t1=1.0, integrator=Relaxation(0.25), stop=never)
    assert len(asked) == run.steps == 4
    np.testing.assert_array_equal(asked[1].previous["value"], asked[0].states["value"])
    assert simulate(memory_of(rng), rng.normal(size=3), t1=9.0, stop=settled(1e9)).steps == 1
    softmax = asked[0].network.populations["memory"].lagrangian
    assert isinstance(softmax, LogSumExp)


def test_an_empty_batch_is_refused():
    memory = ModernHopfield(np.eye(3))
    with pytest.raises(ValueError, match=r"nothing to simulate.*\(0,\)"):
        simulate(memory, np.zeros((0, 3)), t1=1.0)


def test_ragged_lists_are_refused():
    with pytest.raises(ValueError, match="rows of one length"):
        ModernHopfield([[1.0, 2.0], [3.0]])


@pytest.mark.parametrize("method", [RungeKutta, Euler, Relaxation, Rosenbrock, Scipy])
def test_the_class_of_an_integrator_is_told_from_an_integrator(method):
    memory = ModernHopfield(np.eye(2))
    words = (
        rf"integrator={method.__name__} is the class and not one with settings: write integrator={method.__name__}\(\)"
    )
    with pytest.raises(TypeError, match=words):
        simulate(memory, np.ones(2), t1=1.0, integrator=method)
    for other in (dict, 3, ["euler"], Network):
        with pytest.raises(ValueError, match="Unknown integrator"):
            simulate(memory, np.ones(2), t1=1.0, integrator=other)


# ------------------------------------------------------------------------------------------ what is refused, and how


@pytest.mark.parametrize("clamp", ["memory", ["False"] * 3, [math.nan] * 3, [0.5] * 3], ids=str)
def test_a_clamp_is_a_mask_of_bools_and_no_name_or_number(clamp):
    with pytest.raises(TypeError, match="clamp"):
        simulate(ModernHopfield(2 * np.eye(3), beta=2.0), np.full(3, 0.3), t1=5.0, clamp=clamp)


def test_batches_of_masks_and_of_states_that_do_not_fit_are_refused_with_their_shapes():
    memory = ModernHopfield(np.eye(6), beta=2.0)
    for cue, shape in ((np.ones(6), (4, 6)), (np.ones((4, 6)), (3, 6))):
        with pytest.raises(ValueError, match=rf"clamp of 'value' has shape \({shape[0]}, 6\), which does not fit"):
            simulate(memory, cue, t1=1.0, clamp=np.ones(shape, dtype=bool))
    with pytest.raises(ValueError, match=r"batch axes of the states do not fit: value \(2, 6\), memory \(3, 6\)"):
        simulate(memory.network, {"value": np.ones((2, 6)), "memory": np.ones((3, 6))}, t1=1.0)


STOPS = [
    lambda: steady(math.nan),
    lambda: steady(-1.0),
    lambda: steady("x"),
    lambda: steady(np.ones(2)),
    lambda: energy_rate_below(-1.0),
    lambda: near(np.full(3, math.nan), 0.1),
    lambda: near(np.ones(3), -1.0),
    lambda: near(np.ones(5), 0.1),
    lambda: lambda moment: None,
    lambda: ["steady"],
]


@pytest.mark.parametrize("make", STOPS)
def test_a_stop_condition_that_cannot_hold_is_refused(make):
    words = "must be|pattern|gives one bool"
    with pytest.raises((ValueError, TypeError), match=words):
        simulate(ModernHopfield(np.eye(3), beta=2.0), np.ones(3), t1=1.0, stop=make())


def test_a_run_that_would_not_return_says_how_many_steps_it_would_take():
    memory, cue = ModernHopfield(np.eye(3), beta=2.0), np.ones(3)
    with pytest.raises(ValueError, match=r"to t1=1e\+30 would take 1e\+31 steps"):
        simulate(memory, cue, t1=1e30)
    with pytest.raises(ValueError, match=r"would take 1e\+200 steps"):
        simulate(memory, cue, t1=1.0, integrator=Relaxation(1e-200))


def test_energies_that_overflow_are_a_failure_and_no_warning_of_numpy():
    with pytest.warns(UserWarning, match="no lower bound"):
        memory = UniversalHopfield(30 * np.ones((2, 2)), "dot", "exponential")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(SimulationError, match="NaN or infinite"):
            simulate(memory, np.full(2, 30.0), t1=1.0)


def test_numbers_in_the_byte_order_of_other_machines_are_turned_and_masked_ones_refused(rng):
    patterns = rng.normal(size=(3, 4))
    swapped = simulate(ModernHopfield(patterns.astype(">f8")), patterns[0].astype(">f8"), t1=1.0)
    native = simulate(ModernHopfield(patterns), patterns[0], t1=1.0)
    np.testing.assert_array_equal(swapped.final["value"], native.final["value"])
    with pytest.raises(TypeError, match="patterns is a masked array"):
        ModernHopfield(np.ma.masked_array(patterns, patterns > 1))
