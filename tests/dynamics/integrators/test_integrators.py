"""All methods on the same problems: they agree within their accuracy, and refuse what they cannot do."""

import math
import warnings

import numpy as np
import pytest

from helpers import few, to_library, to_numpy
from hopfield.dynamics import (
    Bilinear,
    Diffrax,
    Euler,
    LogCosh,
    LogSumExp,
    Network,
    Population,
    Quadratic,
    Relaxation,
    Rosenbrock,
    RungeKutta,
    Scipy,
    SimulationError,
    SimulationWarning,
    Synapse,
    simulate,
)
from hopfield.dynamics.integrators import INTEGRATORS, choose
from hopfield.models import Custom, ModernHopfield, UniversalHopfield

TIMES = [0.0, 0.4, 1.5]


def problem(sim="dot", tau_memory=0.5, library="numpy", **options):
    rng = np.random.default_rng(11)
    patterns, query = rng.normal(size=(4, 3)), rng.normal(size=(2, 3))
    memory = UniversalHopfield(to_library(patterns, library), sim, beta=2.0, tau_memory=tau_memory, **options)
    return memory, to_library(query, library)


def solved(memory, query, integrator, **options):
    run = simulate(memory, query, t1=TIMES[-1], integrator=integrator, save_at=TIMES, save="all", **options)
    np.testing.assert_array_equal(run.times, TIMES)
    return {name: to_numpy(x) for name, x in {**run.states, "energy": run.energy}.items()}


def reference(*arguments, **options):
    return solved(*problem(*arguments, **options), Scipy("DOP853", rtol=1e-12, atol=1e-13))


def gap(found, expected):
    return max(np.max(np.abs(found[name] - expected[name])) for name in expected)


METHODS = [
    (Euler(1e-3), 5e-3),
    (Relaxation(5e-3, order=2), 1e-4),
    (Scipy("RK45", rtol=1e-8, atol=1e-10), 1e-6),
    (Scipy("RK23", rtol=1e-8, atol=1e-10), 1e-6),
    (Scipy("BDF", rtol=1e-8, atol=1e-10), 1e-5),
    (Scipy("LSODA", rtol=1e-8, atol=1e-10), 1e-5),
    (Scipy("Radau", rtol=1e-8, atol=1e-10), 1e-6),
    (RungeKutta(rtol=1e-8, atol=1e-10), 1e-6),
    (Rosenbrock(rtol=1e-7, atol=1e-9), 1e-5),
]


@pytest.mark.parametrize("sim", few(["dot", "euclidean", "cosine"], ["euclidean"]))
@pytest.mark.parametrize(("integrator", "tol"), METHODS, ids=lambda x: repr(x).split(", ")[0] if x is not None else "")
def test_integrators_agree_within_their_accuracy(sim, integrator, tol):
    error = gap(solved(*problem(sim), integrator), reference(sim))
    assert 1e-14 < error < tol


@pytest.mark.parametrize("sim", ["dot", "euclidean", "cosine"])
def test_integrators_agree_in_the_adiabatic_limit(sim):
    expected = reference(sim, 0.0)
    for integrator, tol in METHODS:
        tol = 2e-2 if isinstance(integrator, Relaxation) else tol  # one population: no half steps, order 1
        assert gap(solved(*problem(sim, 0.0), integrator), expected) < tol


@pytest.mark.slow  # compiles for long; test_adapters.py has the quick one
@pytest.mark.parametrize("tau_memory", [0.0, 0.5])
def test_an_implicit_solver_of_diffrax_agrees_with_scipy(tau_memory):
    pytest.importorskip("diffrax")
    found = solved(*problem("dot", tau_memory, "jax"), Diffrax("Kvaerno3", rtol=1e-7, atol=1e-9))
    assert 1e-14 < gap(found, reference("dot", tau_memory)) < 1e-5


@pytest.mark.broad
def test_an_explicit_solver_of_diffrax_saves_every_step_and_says_when_it_gives_up():
    pytest.importorskip("diffrax")
    memory, query = problem(library="jax")
    options = {"t1": 1.5, "integrator": Diffrax("Tsit5", rtol=1e-7, atol=1e-9, max_steps=64)}
    mask = np.array([True, False, False])
    run = simulate(memory, query, clamp=mask, **options)
    assert run.times.shape == run.energy.shape == (run.steps.max() + 1, 2)
    assert run.states["value"].shape == (*run.times.shape, 3)
    np.testing.assert_array_equal(run.times[0], 0)
    np.testing.assert_allclose(run.times[-1], 1.5)
    assert (np.count_nonzero(np.diff(run.times, axis=0), axis=0) == run.steps).all()
    value = to_numpy(run.states["value"])
    assert (value[..., 0] == to_numpy(query)[:, 0]).all()  # held
    same, start = problem()
    accurate = Scipy("DOP853", rtol=1e-11, atol=1e-12)
    expected = simulate(same, start, t1=1.5, integrator=accurate, save_at=[1.5], clamp=mask)
    np.testing.assert_allclose(value[-1], expected.states["value"][-1], atol=1e-6)
    stiff, _ = problem(tau_memory=1e-4, library="jax")  # tau is data: the same program runs it
    words = r"gave up on sample 0 of 2 before t=1.5.*maximum number of solver"
    with pytest.raises(SimulationError, match=words) as caught:
        simulate(stiff, query, clamp=mask, **options)
    assert (np.asarray(caught.value.trajectory.times) < 1.5).all()


def test_settings_of_diffrax_are_checked():
    pytest.importorskip("diffrax")
    memory, query = problem(library="jax")
    with pytest.raises(ValueError, match=r"Unknown diffrax solver 'Tsit6'. Did you mean 'Tsit5'"):
        simulate(memory, query, t1=1.5, integrator=Diffrax("Tsit6"))
    with pytest.raises(ValueError, match=r"reserve .* GiB \(max_steps=100000000.*save_at"):
        simulate(memory, query, t1=1.5, integrator=Diffrax(max_steps=10**8))


@pytest.mark.parametrize("dtype_name", ["float64", "float32"])
@pytest.mark.parametrize("flow", ["local", "gradient"])
def test_gradient_flow_lowers_the_energy_on_every_method(flow, dtype_name):
    rng = np.random.default_rng(5)
    network = Network(
        {"a": Population(LogCosh(), 3), "b": Population(LogSumExp(2.0), 4, tau=0.5)},
        [Bilinear(("a", "b"), rng.normal(size=(3, 4)).astype(dtype_name))],
        flow=flow,
    )
    states = {name: rng.normal(size=(2, p.size)).astype(dtype_name) for name, p in network.populations.items()}
    expected = simulate(network, states, t1=1.0, integrator=Scipy("DOP853", rtol=1e-5, atol=1e-6), save_at=[1.0])
    eps = np.finfo(dtype_name).eps
    for integrator, tol in ((Euler(1e-3), 2e-3), (RungeKutta(), 1e-4), (Scipy("LSODA", rtol=1e-5), 1e-4)):
        run = simulate(network, states, t1=1.0, integrator=integrator)
        assert (np.diff(run.energy, axis=0) <= 16 * eps * run.energy_scale[1:]).all()
        np.testing.assert_allclose(run.final["a"], expected.final["a"], atol=tol)
        assert run.final["a"].dtype == np.dtype(dtype_name)


def test_the_two_flows_are_different_dynamics():
    states = {"x": np.array([1.5])}
    runs = [
        simulate(Network({"x": Population(LogCosh(), 1)}, flow=flow), states, t1=1.0, integrator=Euler(1e-3)).final["x"]
        for flow in ("local", "gradient")
    ]
    np.testing.assert_allclose(runs[0], 1.5 * math.exp(-1), atol=1e-3)
    assert runs[1] > runs[0] + 0.3  # slowed down by L'' < 1


# ---------------------------------------------------------------------------------------------- Euler alone


def test_an_euler_step_is_the_velocity_times_dt(library):
    memory, query = problem(library=library)
    states = memory.start(query)
    velocity = memory.network.velocity(states)
    final = simulate(memory, query, t1=0.1, integrator=Euler(0.1)).final
    for name, x in states.items():
        expected = to_numpy(x) + 0.1 * to_numpy(velocity[name])
        np.testing.assert_allclose(to_numpy(final[name]), expected, rtol=1e-14, atol=1e-15)


def test_euler_is_of_first_order():
    expected = reference()
    errors = [gap(solved(*problem(), Euler(dt)), expected) for dt in (0.02, 0.01, 0.005)]
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 1.0, atol=0.1)


@pytest.mark.parametrize("dt", [0.2, 0.5, 3.0])
def test_euler_refuses_a_step_that_a_fast_population_makes_unstable(dt):
    memory, query = problem(tau_memory=0.1)
    words = rf"Euler with dt={dt:g} is unstable: population 'memory' relaxes in 0.1.*Relaxation\(dt={dt:g}\)"
    with pytest.raises(ValueError, match=words):
        simulate(memory, query, t1=5.0, integrator=Euler(dt))
    assert simulate(memory, query, t1=60.0, integrator=Euler(0.19)).converged.all()  # below twice tau it is stable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SimulationWarning)  # nothing is fast there: it runs, however roughly
        simulate(memory.adiabatic(), query, t1=3.0, integrator=Euler(min(dt, 1.9)))


# -------------------------------------------------------------------------- what a method cannot do, it says


@pytest.mark.parametrize("integrator", [Euler(0.01), Scipy("LSODA"), RungeKutta(), Rosenbrock()], ids=type)
@pytest.mark.parametrize(
    ("sim", "separation", "tau_memory", "named"),
    [
        ("manhattan", "softmax", 0.3, "value~memory"),
        ("manhattan", "softmax", 0.0, "memory"),
        ("dot", "max", 0.3, "memory"),
        ("euclidean", "max", 0.0, "memory"),
    ],
)
def test_methods_that_stall_at_jumps_refuse_them(integrator, sim, separation, tau_memory, named):
    memory, query = problem(sim, tau_memory, separation=separation)
    words = rf"{type(integrator).__name__} stalls where forces jump, and those of {named} do.*relaxation"
    with pytest.raises(ValueError, match=words):
        simulate(memory, query, t1=1.0, integrator=integrator)
    assert simulate(memory, query, t1=1.0, integrator=Relaxation()).result.name == "COMPLETED"


def test_diffrax_refuses_jumps_too():
    pytest.importorskip("diffrax")
    memory, query = problem("manhattan", library="jax")
    with pytest.raises(ValueError, match="Diffrax stalls where forces jump"):
        simulate(memory, query, t1=1.0, integrator=Diffrax())


@pytest.mark.parametrize(
    ("library_name", "integrator", "words"),
    [
        ("jax", Scipy(), r"Scipy integrates NumPy states, these are jax arrays.*to\('numpy'\).*Diffrax\(\)"),
        ("torch", Scipy(), r"Scipy integrates NumPy states, these are torch arrays"),
        ("numpy", Diffrax(), r"Diffrax integrates JAX states, these are numpy arrays.*to\('jax'\).*Scipy\(\)"),
        ("torch", Diffrax(), r"Diffrax integrates JAX states, these are torch arrays"),
    ],
)
def test_adapters_refuse_arrays_of_other_libraries(library_name, integrator, words):
    pytest.importorskip(library_name)
    memory, query = problem(library=library_name)
    with pytest.raises(TypeError, match=words):
        simulate(memory, query, t1=1.0, integrator=integrator)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Euler(0), "dt must be > 0"),
        (lambda: Euler(-0.1), "dt must be > 0"),
        (lambda: Euler(math.inf), "dt must be > 0 and finite"),
        (lambda: Scipy("RK54"), "Unknown SciPy method 'RK54'. Did you mean 'RK45'"),
        (lambda: Scipy(rtol=0), "rtol must be > 0"),
        (lambda: Scipy(atol=-1), "atol must be > 0"),
        (lambda: Diffrax(rtol=math.nan), "rtol must be > 0"),
    ],
)
def test_settings_are_checked_when_they_are_made(build, words):
    with pytest.raises(ValueError, match=words):
        build()


def test_names_stand_for_integrators():
    memory, query = problem()
    for name in INTEGRATORS:
        if name in ("diffrax", "torchdiffeq"):
            continue
        run = simulate(memory, query, t1=0.2, integrator=name, save_at=[0.2])
        assert run.statistics["integrator"].startswith(type(choose(name, memory.network.bound(), {})).__name__)
    auto = simulate(problem(tau_value=5.0)[0], query, t1=1.0)
    assert auto.statistics["integrator"].startswith("Relaxation(dt=0.5")  # a tenth of tau_value


# ------------------------------------------------------------- what a user leaves out is derived for a method


class Pull(Synapse):
    """-g_a . W g_b without its forces."""

    between = ("a", "b")

    def __init__(self, weights):
        self.weights = weights

    def energy(self, a, b):
        return -(a * (b @ self.weights.T)).sum(-1)


def test_rosenbrock_keeps_its_order_with_derived_blocks():
    """The derived linearisation is exact: with a wrong one the order would fall below 3."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(8)
    weights = torch.asarray(rng.normal(size=(3, 4)))
    populations = {"a": Population(Quadratic(), 3), "b": Population(LogCosh(), 4, tau=0.3)}
    states = {"a": torch.asarray(rng.normal(size=(2, 3))), "b": torch.asarray(rng.normal(size=(2, 4)))}
    runs = [
        simulate(Network(populations, [synapse]), states, t1=1.0, integrator=Rosenbrock(1e-5, 1e-7))
        for synapse in (Pull(weights), Bilinear(("a", "b"), weights))
    ]
    assert runs[0].statistics["steps"] == runs[1].statistics["steps"] > 10
    np.testing.assert_allclose(runs[0].final["a"], runs[1].final["a"], rtol=1e-12)


def test_rosenbrock_keeps_its_order_with_a_similarity_of_ones_own():
    pytest.importorskip("torch")
    memory, query = problem("dot", library="torch")
    mine = UniversalHopfield(memory.memories, Custom(lambda M, g: g @ M.T), beta=2.0, tau_memory=0.5)
    for tau in (0.5, 0.0):
        runs = [
            simulate(m if tau else m.adiabatic(), query, t1=1.0, integrator=Rosenbrock(1e-5, 1e-7))
            for m in (memory, mine)
        ]
        assert runs[0].statistics["steps"] == runs[1].statistics["steps"]
        np.testing.assert_allclose(runs[1].final["value"], runs[0].final["value"], rtol=1e-11)


def test_numpy_says_what_is_missing_when_nothing_can_be_derived():
    rng = np.random.default_rng(8)
    network = Network({"a": Population(Quadratic(), 3), "b": Population(LogCosh(), 4)}, [Pull(rng.normal(size=(3, 4)))])
    states = {"a": np.zeros(3), "b": np.zeros(4)}
    with pytest.raises(TypeError, match=r"no automatic differentiation: give Pull.forces by hand"):
        simulate(network, states, t1=1.0)
    memory = ModernHopfield(rng.normal(size=(4, 3)))
    with pytest.raises(TypeError, match=r"give custom.pullback by hand"):
        simulate(UniversalHopfield(memory.memories, lambda M, g: g @ M.T), memory.memories[0], t1=1.0)
