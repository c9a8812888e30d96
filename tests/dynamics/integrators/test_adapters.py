"""Adapters to ODE libraries: they agree, eliminate the memory neurons, pass derivatives on, and say what went wrong."""

import dataclasses
import importlib
import warnings

import numpy as np
import pytest

from helpers import LIBRARIES, few, to_library, to_numpy
from hopfield.dynamics import (
    Bilinear,
    Diffrax,
    LogCosh,
    LogSumExp,
    Network,
    Population,
    Quadratic,
    Recurrent,
    Relaxation,
    Result,
    Rosenbrock,
    RungeKutta,
    Scipy,
    SimilaritySynapse,
    SimulationError,
    Softplus,
    Spherical,
    Synapse,
    TorchDiffEq,
    backend,
    jacobian,
    simulate,
)
from hopfield.dynamics.integrators import _scipy as adapter
from hopfield.models import Dot, ModernHopfield, UniversalHopfield

TIMES = [0.0, 0.1, 1.0]
N, I = 60, 10

needs_jax = pytest.mark.skipif("jax" not in LIBRARIES, reason="needs jax")
needs_torch = pytest.mark.skipif("torch" not in LIBRARIES, reason="needs torch")


@pytest.fixture(autouse=True, scope="module")
def quick_compilation():
    """Programs that run for milliseconds: let XLA spend less on making them fast."""
    if "jax" not in LIBRARIES:
        yield
        return
    import jax

    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


def problem(library="numpy", tau_memory=0.05, dtype=float):
    """A memory of N patterns and two cues between patterns; tau_memory is data, so one program runs them all."""
    rng = np.random.default_rng(2)
    patterns = rng.standard_normal((N, I)).astype(dtype)
    cues = (patterns[:2] + 0.5 * rng.standard_normal((2, I))).astype(dtype)
    memory = ModernHopfield(patterns, beta=2.0, tau_memory=tau_memory)
    return (memory if library == "numpy" else memory.to(library)), to_library(cues, library)


def solved(integrator, library="numpy", tau_memory=0.05):
    memory, cues = problem(library, tau_memory)
    return simulate(memory, cues, t1=TIMES[-1], integrator=integrator, save_at=TIMES)


def small(library):
    """Patterns, cues between them, and a weight for each number in the result."""
    rng = np.random.default_rng(3)
    patterns = rng.standard_normal((6, 4))
    return tuple(to_library(x, library) for x in (patterns, patterns[:2] * 0.6 + 0.3, rng.standard_normal((2, 4))))


def reference(tau_memory=0.05):
    return solved(Scipy("DOP853", rtol=1e-11, atol=1e-12), tau_memory=tau_memory)


def assert_agrees(run, expected, atol):
    np.testing.assert_array_equal(run.times, TIMES)
    np.testing.assert_allclose(to_numpy(run.states["value"]), expected.states["value"], atol=atol)
    np.testing.assert_allclose(to_numpy(run.final["memory"]), expected.final["memory"], atol=100 * atol)
    np.testing.assert_allclose(to_numpy(run.energy), expected.energy, atol=100 * atol)


KVAERNO = Diffrax("Kvaerno3", rtol=1e-6, atol=1e-8)

AGREEING = [
    ("numpy", Rosenbrock(rtol=1e-6, atol=1e-8), 1e-4),
    ("numpy", RungeKutta(rtol=1e-8, atol=1e-10), 1e-6),
    *(("numpy", Scipy(method, rtol=1e-7, atol=1e-9), 1e-4) for method in ("Radau", "BDF", "LSODA", "RK23", "RK45")),
    pytest.param("jax", KVAERNO, 1e-4, marks=[needs_jax, pytest.mark.broad]),
    *(
        pytest.param("torch", TorchDiffEq(*arguments, **options), atol, marks=needs_torch)
        for arguments, options, atol in [
            (("dopri5", 1e-8, 1e-10), {}, 1e-6),
            (("dopri8", 1e-8, 1e-10), {}, 1e-6),
            (("bosh3", 1e-6, 1e-8), {}, 1e-4),
            (("fehlberg2", 1e-5, 1e-7), {}, 1e-3),
            (("adaptive_heun", 1e-4, 1e-5), {}, 1e-3),
            (("euler",), {"dt": 1e-3}, 2e-2),
            (("midpoint",), {"dt": 5e-3}, 2e-3),
            (("heun2",), {"dt": 5e-3}, 2e-3),
            (("heun3",), {"dt": 5e-3}, 2e-4),
            (("rk4",), {"dt": 5e-3}, 1e-5),
            (("explicit_adams",), {"dt": 2e-3, "options": {"max_order": 4}}, 1e-3),
            (("implicit_adams", 1e-6, 1e-8), {"dt": 2e-3}, 1e-5),
        ]
    ),
]


@pytest.mark.parametrize(("library", "integrator", "atol"), AGREEING, ids=lambda x: repr(x).split(", ")[0])
def test_agree_on_a_mildly_stiff_problem(library, integrator, atol):
    assert_agrees(solved(integrator, library), reference(), atol)


# ------------------------------------------------------------------------------------------ tolerances, names


@pytest.mark.parametrize(
    ("library", "integrator"),
    [
        ("numpy", RungeKutta(rtol=1e-7)),
        ("numpy", Rosenbrock(rtol=1e-7)),
        ("numpy", Relaxation(adaptive=True, rtol=1e-7)),
        pytest.param("jax", Diffrax(rtol=1e-7), marks=needs_jax),
        pytest.param("torch", TorchDiffEq(rtol=1e-7), marks=needs_torch),
    ],
    ids=repr,
)
def test_tolerances_below_the_reach_of_float32_are_refused(library, integrator):
    memory, cues = problem(library, dtype=np.float32)
    with pytest.raises(ValueError, match=r"rtol=1e-07, which float32 cannot resolve.*1\.2e-07.*rtol >= 1\.2e-06.*64"):
        simulate(memory, cues, t1=1.0, integrator=integrator)
    memory, cues = problem(library)
    with pytest.raises(ValueError, match=r"rtol=1e-15, which float64 cannot .* Give rtol >= 2\.2e-15\.$"):
        simulate(memory, cues, t1=1.0, integrator=dataclasses.replace(integrator, rtol=1e-15))


def test_scipy_computes_in_float64_whatever_the_dtype():
    memory, cues = problem(dtype=np.float32)
    assert memory.memories.dtype == np.float32
    run = simulate(memory, cues, t1=1.0, integrator=Scipy("BDF", rtol=1e-9, atol=1e-11), save_at=TIMES)
    assert run.states["value"].dtype == run.energy.dtype == np.float32
    np.testing.assert_allclose(run.states["value"], reference().states["value"], atol=3e-6)
    with pytest.raises(ValueError, match=r"Scipy has rtol=1e-14, below the 2\.2e-14"):
        simulate(memory, cues, t1=1.0, integrator=Scipy(rtol=1e-14))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: TorchDiffEq("dorpi5"), r"Unknown torchdiffeq method 'dorpi5'. Did you mean 'dopri5'\? Known: .*adams"),
        (lambda: TorchDiffEq("rk4"), r'rk4 has no error estimate.*TorchDiffEq\("rk4", dt=0\.01\)'),
        (lambda: TorchDiffEq(atol=0), "atol must be > 0"),
        (lambda: TorchDiffEq("rk4", dt=-1.0), "dt must be > 0"),
        (lambda: Diffrax(dt=0), "dt must be > 0"),
        (lambda: Diffrax(dense=-1), "dense must be a whole number >= 0"),
    ],
)
def test_settings_are_checked_when_they_are_made(build, words):
    with pytest.raises(ValueError, match=words):
        build()


@pytest.mark.parametrize(
    ("library", "integrator", "words"),
    [
        ("numpy", TorchDiffEq(), r"PyTorch states, these are numpy arrays.*to\('torch'\).*Scipy\(\)"),
        pytest.param("jax", TorchDiffEq(), r"PyTorch states, these are jax arrays.*Diffrax\(\)", marks=needs_jax),
        pytest.param("torch", Diffrax(), r"JAX states, these are torch arrays.*TorchDiffEq\(\)", marks=needs_torch),
        pytest.param("torch", Scipy(), r"NumPy states, these are torch arrays.*TorchDiffEq\(\)", marks=needs_torch),
    ],
)
def test_arrays_of_other_libraries_are_refused_with_the_right_adapter(library, integrator, words):
    memory, cues = problem(library)
    with pytest.raises(TypeError, match=words):
        simulate(memory, cues, t1=1.0, integrator=integrator)


@pytest.mark.parametrize(
    ("library", "integrator", "missing"),
    [
        pytest.param("jax", Diffrax(), "diffrax", marks=needs_jax),
        pytest.param("torch", TorchDiffEq(), "torchdiffeq", marks=needs_torch),
    ],
)
def test_a_missing_package_is_named_with_the_line_that_installs_it(library, integrator, missing, monkeypatch):
    memory, cues = problem(library)
    found = importlib.import_module

    def without(name, *rest):
        if name == missing:
            raise ImportError(name)
        return found(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(ImportError, match=rf"'{missing}'.*pip install \"hopfield\[{library}\]\""):
        simulate(memory, cues, t1=1.0, integrator=integrator)


@needs_jax
def test_solvers_of_diffrax_that_cannot_run_a_network_say_so():
    import diffrax

    memory, cues = problem("jax")
    for solver, options, words in [
        ("Tsit6", {}, "Unknown diffrax solver 'Tsit6'. Did you mean 'Tsit5'.*Known: Bosh3, .*Kvaerno3"),
        ("KenCarp3", {}, "Did you mean 'Kvaerno3'"),
        (diffrax.KenCarp3(), {}, r"KenCarp3 integrates a velocity that is split into parts.*Kvaerno3"),
        ("Euler", {}, r'Euler has no error estimate.*Diffrax\("Euler", dt=0\.01\)'),
        ("Euler", {"dt": 0.2}, r"Euler with dt=0\.2 is unstable: population 'memory' relaxes in 0\.05.*Rosenbrock"),
    ]:
        with pytest.raises(ValueError, match=words):
            simulate(memory, cues, t1=1.0, integrator=Diffrax(solver, **options))


# ------------------------------------------------------------------------------- elimination with diffrax


@needs_jax
@pytest.mark.broad
def test_elimination_takes_the_same_steps_to_the_same_states():
    with_it = solved(KVAERNO, "jax", tau_memory=1e-3)
    stock = solved(Diffrax("Kvaerno3", rtol=1e-6, atol=1e-8, eliminate=False), "jax", tau_memory=1e-3)
    assert_agrees(with_it, reference(1e-3), 1e-4)
    for name in ("value", "memory"):
        np.testing.assert_allclose(with_it.final[name], stock.final[name], atol=1e-8)
    np.testing.assert_allclose(with_it.states["value"], stock.states["value"], atol=1e-8)
    np.testing.assert_array_equal(with_it.steps, stock.steps)
    assert with_it.statistics["rejected"] == stock.statistics["rejected"]
    said = {name: with_it.statistics[name] for name in ("solver", "root_finder", "linear_solver")}
    assert said == {
        "solver": "Kvaerno3",
        "root_finder": "Chord",
        "linear_solver": f"LU of {I} neurons ({N} eliminated: memory)",
    }
    assert (stock.statistics["root_finder"], stock.statistics["linear_solver"]) == ("VeryChord", "AutoLinearSolver")


def program_text(integrator):
    """What is compiled for a solve of the problem."""
    from hopfield.dynamics.integrators._diffrax import _Program, _solve

    memory, cues = problem("jax")
    program = _Program(integrator, ("value",), False)
    times, end = to_library(np.array(TIMES), "jax"), to_library(np.array(TIMES[-1]), "jax")
    arguments = (memory.network, memory.start(cues), times, end, {})
    return backend.compiled(_solve, cues).lower(program, *arguments).as_text()


@needs_jax
@pytest.mark.broad
def test_no_matrix_over_the_memory_neurons_is_formed():
    whole, eliminated = f"x{N + I}x{N + I}xf64", f"x{I}x{I}xf64"
    stock = program_text(Diffrax("Kvaerno3", rtol=1e-6, atol=1e-8, eliminate=False))
    assert whole in stock
    text = program_text(KVAERNO)
    assert eliminated in text
    assert whole not in text
    assert f"x{N}x{N}xf64" not in text
    krylov = program_text(Diffrax("Kvaerno3", rtol=1e-6, atol=1e-8, dense=1))
    assert f"x{I}x{I}xf64" not in krylov
    assert whole not in krylov


@needs_jax
@pytest.mark.broad
def test_elimination_by_gmres_reaches_the_same_states():
    run = solved(Diffrax("Kvaerno3", rtol=1e-6, atol=1e-8, dense=1), "jax", tau_memory=1e-3)
    assert run.statistics["linear_solver"] == f"GMRES of {I} neurons ({N} eliminated: memory)"
    assert_agrees(run, solved(KVAERNO, "jax", tau_memory=1e-3), 1e-8)


def networks():
    """Networks whose eliminated populations have taus and leaks of their own, and couplings of every kind."""
    rng = np.random.default_rng(4)
    weights = rng.standard_normal((4, 4))
    two = {
        "a": Population(LogCosh(), 4, tau=0.7),
        "h": Population(LogSumExp(3.0), 6, tau=1e-2, leak=0.5),
        "c": Population(Softplus(2.0), 5, tau=3e-2, leak=2.0),
    }
    joins = [
        SimilaritySynapse(("a", "h"), Dot(), rng.standard_normal((6, 4))),
        Bilinear(("a", "c"), rng.standard_normal((4, 5))),
        Recurrent(("a",), weights @ weights.T),
    ]
    patterns, outputs = rng.standard_normal((7, 4)), rng.standard_normal((7, 3))
    cosine = UniversalHopfield(patterns, "cosine", beta=4.0, tau_memory=1e-2, projection=outputs)
    return {
        "two": (Network(two, joins), ["h", "c"]),
        "gradient": (Network(two, joins, flow="gradient"), ["c"]),  # h is a softmax
        "projection": (cosine.network, ["memory"]),
        "adiabatic": (cosine.adiabatic().network, []),
        "leak 0": (
            Network(
                {"a": Population(Quadratic(), 3), "s": Population(Spherical(), 5, leak=0.0)},
                [Bilinear(("a", "s"), rng.standard_normal((3, 5)))],
            ),
            [],  # the direction that is taken out of the velocity of s turns with s
        ),
    }


@needs_jax
@pytest.mark.parametrize("name", few(["projection", "two", "gradient"], 1))
def test_the_eliminating_solver_solves_the_whole_system(name):
    import jax
    import lineax

    from hopfield.dynamics.integrators._elimination import Elimination, diagonal_populations

    network, out = networks()[name]
    assert diagonal_populations(network) == out

    @jax.jit
    def solutions(network, states, right, clamp):
        operator = lineax.JacobianLinearOperator(  # a stage of an implicit method, scaled as some of diffrax's are
            lambda y, _: {n: v - 0.3 * y[n] for n, v in network.velocity(y, clamp).items()}, states
        )
        ways = [(operator, lineax.LU()), (operator.T, lineax.LU()), (operator, lineax.GMRES(1e-13, 1e-13))]
        ways = ways if name == "two" else ways[:1]
        return operator.as_matrix(), [lineax.linear_solve(a, right, Elimination(tuple(out), s)).value for a, s in ways]

    rng = np.random.default_rng(5)
    states, right = ({n: rng.standard_normal(p.size) for n, p in network.populations.items()} for _ in range(2))
    for share in (0.0, 0.4, 1.0):  # of the neurons are held
        clamp = {n: rng.random(p.size) < share for n, p in network.populations.items()}
        matrix, found = solutions(*(backend.move(part, "jax") for part in (network, states, right, clamp)))
        flat, unflat = jax.flatten_util.ravel_pytree(right)
        for system, solution in zip([matrix, matrix.T, matrix], found, strict=False):
            expected = unflat(np.linalg.solve(system, flat))
            for population, x in solution.items():
                np.testing.assert_allclose(x, expected[population], rtol=1e-8, atol=1e-9)


@needs_jax
def test_only_default_root_finders_are_replaced():
    import diffrax
    import optimistix

    def notes(solver, name="projection", **options):
        return Diffrax(solver, **options)._method(networks()[name][0]).notes

    chosen = diffrax.Kvaerno3(root_finder=diffrax.with_stepsize_controller_tols(optimistix.Newton)())
    assert notes(diffrax.Kvaerno5()) == {
        "solver": "Kvaerno5",
        "root_finder": "Chord",
        "linear_solver": "LU of 7 neurons (7 eliminated: memory)",
    }
    assert notes("ImplicitEuler", dense=6)["linear_solver"] == "GMRES of 7 neurons (7 eliminated: memory)"
    assert notes(chosen) == {"solver": "Kvaerno3", "root_finder": "Newton", "linear_solver": "AutoLinearSolver"}
    assert notes(diffrax.HalfSolver(diffrax.Kvaerno3())) == {"solver": "HalfSolver"}
    assert notes("Tsit5") == {"solver": "Tsit5"}
    assert notes("Kvaerno3", eliminate=False)["root_finder"] == "VeryChord"
    assert notes("Kvaerno3", "adiabatic")["root_finder"] == "VeryChord"  # nothing to eliminate, and small
    assert notes("Kvaerno3", "adiabatic", dense=3)["linear_solver"] == "GMRES of 7 neurons"
    assert notes("Kvaerno3", "leak 0")["linear_solver"].endswith("eliminated: a)")  # not the sphere, which turns


# -------------------------------------------------------------------------------------------- derivatives


@needs_jax
@pytest.mark.parametrize(
    ("integrator", "tau_memory"),
    [
        pytest.param(Diffrax("Tsit5", rtol=1e-8, atol=1e-10), 0.3, id="Tsit5", marks=pytest.mark.broad),
        pytest.param(Diffrax("Kvaerno3", rtol=1e-7, atol=1e-9), 0.02, id="Kvaerno3", marks=pytest.mark.slow),
    ],
)
def test_gradients_through_diffrax_equal_central_differences(integrator, tau_memory):
    import jax

    def outcome(library, integrator, patterns, beta):
        _, cues, weights = small(library)
        memory = ModernHopfield(patterns, beta=beta, tau_memory=tau_memory)
        run = simulate(memory, cues, t1=0.5, integrator=integrator, save_at=[0.5])
        return (run.final["value"] * weights).sum() + run.energy.sum()

    there, beta = small("jax")[0], to_library(np.array(2.0), "jax")
    found = jax.grad(lambda *arguments: outcome("jax", integrator, *arguments), argnums=(0, 1))(there, beta)
    accurate, patterns = Scipy("DOP853", rtol=1e-12, atol=1e-13), small("numpy")[0]
    direction, step = np.random.default_rng(6).standard_normal(patterns.shape), 1e-4
    slopes = [
        sum(s * outcome("numpy", accurate, patterns + s * step * d, 2.0 + s * step * e) for s in (1, -1)) / (2 * step)
        for d, e in ((direction, 0.0), (0.0, 1.0))
    ]
    np.testing.assert_allclose([(np.asarray(found[0]) * direction).sum(), found[1]], slopes, rtol=1e-4)


@needs_torch
@pytest.mark.parametrize("save_at", [[0.3, 1.0], None], ids=["times", "steps"])
@pytest.mark.parametrize("method", ["dopri5", "rk4"])
def test_gradients_through_torchdiffeq_equal_central_differences(method, save_at):
    import torch

    patterns, cues, weights = small("torch")
    integrator = TorchDiffEq(method, rtol=1e-9, atol=1e-11, **({"dt": 0.05} if method == "rk4" else {}))

    def outcome(patterns, beta):
        memory = ModernHopfield(patterns, beta=beta, tau_memory=0.3)
        run = simulate(memory, cues, t1=1.0, integrator=integrator, save_at=save_at)
        assert run.states["value"].shape == (*run.times.shape, 2, 4)
        return (run.states["value"][-1] * weights).sum() + run.final["memory"].sum() + run.energy[-1].sum()

    leaf = patterns.clone().requires_grad_()
    beta = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    outcome(leaf, beta).backward()
    direction, step = torch.asarray(np.random.default_rng(6).standard_normal(patterns.shape)), 1e-4
    with torch.no_grad():
        slope = (outcome(patterns + step * direction, beta) - outcome(patterns - step * direction, beta)) / (2 * step)
        assert torch.allclose((leaf.grad * direction).sum(), slope, rtol=1e-5)
        slope = (outcome(patterns, beta + step) - outcome(patterns, beta - step)) / (2 * step)
        assert torch.allclose(beta.grad, slope, rtol=1e-5)


# --------------------------------------------------------------------------------------------- torchdiffeq


@needs_torch
@pytest.mark.parametrize(("method", "options"), [("dopri5", {}), ("midpoint", {"dt": 0.03})])
def test_torchdiffeq_saves_every_step(method, options):
    memory, cues = problem("torch")
    mask = np.arange(I) < 3
    run = simulate(memory, cues, t1=1.0, integrator=TorchDiffEq(method, **options), clamp=mask)
    assert run.times[0] == 0
    assert run.times[-1] == 1.0
    assert (np.diff(run.times) > 0).all()
    assert (run.steps == len(run.times) - 1).all()
    assert list(run.states) == ["value"]
    assert run.states["value"].shape == (len(run.times), 2, I)
    assert (run.states["value"][..., :3] == cues[:, :3]).all()
    assert (np.diff(to_numpy(run.energy), axis=0) <= 1e-9).all()
    np.testing.assert_array_equal(to_numpy(run.states["value"][-1]), to_numpy(run.final["value"]))
    assert run.statistics["evaluations"] >= run.statistics["steps"]
    if "dt" in options:
        np.testing.assert_allclose(np.diff(run.times), 1 / 34)


@needs_torch
def test_the_worst_sample_of_a_batch_decides_the_step_of_torchdiffeq():
    memory, cues = problem("torch")
    resting = simulate(memory, cues[:1], t1=50.0, integrator=Relaxation()).final["value"]
    batch = resting.repeat(99, 1)
    options = {"t1": 1.0, "integrator": TorchDiffEq(rtol=1e-6, atol=1e-8), "save_at": [1.0]}
    alone = simulate(memory, cues[:1], **options)
    among = simulate(memory, to_library(np.concatenate([to_numpy(cues[:1]), to_numpy(batch)]), "torch"), **options)
    assert among.statistics["steps"] >= alone.statistics["steps"]
    np.testing.assert_allclose(among.final["value"][0], alone.final["value"][0], atol=1e-6)


@needs_torch
@pytest.mark.parametrize("save_at", [None, [0.5, 1.0], [0.0, 1.0]], ids=["steps", "later", "from 0"])
def test_too_many_steps_of_torchdiffeq_name_the_remedy(save_at):
    memory, cues = problem("torch", tau_memory=1e-6)
    words = (
        r"dopri5 stopped at t=0\.000\d+ on the way to .* max_num_steps exceeded.*stiff.*Rosenbrock\(\) or Relaxation"
    )
    with pytest.raises(SimulationError, match=words) as caught:
        simulate(memory, cues, t1=1.0, integrator=TorchDiffEq(max_steps=60), save_at=save_at)
    assert caught.value.result is Result.GAVE_UP
    run = caught.value.trajectory
    assert len(run.times) == len(run.states["value"]) == len(run.energy)
    assert (run.times < 1e-2).all()
    assert "GAVE_UP" in repr(run)


class Cube(Synapse):
    """A force x^3, under which a state runs away in finite time; without derivatives by hand."""

    between = ("x",)

    def energy(self, g):
        return -(g**4).sum(-1) / 4

    def forces(self, g):
        return (g**3,)


RUNAWAY = Network({"x": Population(Quadratic(), 1, leak=0.0)}, [Cube()])


@needs_torch
def test_a_step_of_torchdiffeq_that_becomes_too_small_is_a_failure():
    start = {"x": to_library(np.ones(1), "torch")}  # x = (1 - 2 t)^(-1/2)
    with pytest.raises(SimulationError, match=r"stopped at t=0\.5.*underflow in dt.*the state runs away") as caught:
        simulate(RUNAWAY, start, t1=1.0, integrator=TorchDiffEq())
    assert caught.value.result is Result.GAVE_UP
    assert caught.value.trajectory.times[-1] == pytest.approx(0.5, abs=1e-4)


@needs_torch
def test_torchdiffeq_says_what_is_wrong_with_equal_steps_and_options():
    memory, cues = problem("torch", tau_memory=0.2)
    with pytest.raises(ValueError, match=r"rk4 with dt=0\.6 is unstable: population 'memory' relaxes in 0\.2"):
        simulate(memory, cues, t1=1.0, integrator=TorchDiffEq("rk4", dt=0.6))
    with pytest.raises(SimulationError, match=r"implicit_adams stopped .*did not converge.*smaller dt") as caught:
        simulate(memory, cues, t1=4.0, integrator=TorchDiffEq("implicit_adams", dt=0.5, rtol=1e-9, atol=1e-12))
    assert caught.value.result is Result.GAVE_UP
    with pytest.raises(ValueError, match=r"does not know these options of dopri5: .*frist_step"):
        simulate(memory, cues, t1=1.0, integrator=TorchDiffEq(options={"frist_step": 1e-3}))
    run = simulate(memory, cues, t1=0.01, integrator=TorchDiffEq(options={"first_step": 1e-3}, dt=2e-3))
    assert run.times[1] == pytest.approx(1e-3)
    assert np.diff(run.times).max() <= 2e-3 + 1e-12


# --------------------------------------------------------------------------------------- SciPy, the Jacobian


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA"])
def test_implicit_methods_of_scipy_take_the_jacobian_of_the_network(method, monkeypatch):
    integrator = Scipy(method, rtol=1e-6, atol=1e-8)
    analytic = solved(integrator, tau_memory=1e-3)
    assert analytic.statistics["jacobian"] == "analytic"
    monkeypatch.setattr(adapter, "_has_jacobian", lambda *_: False)
    differences = solved(integrator, tau_memory=1e-3)
    assert differences.statistics["jacobian"] == "differences"
    assert_agrees(analytic, differences, 1e-4)
    assert analytic.statistics["evaluations"] < 0.9 * differences.statistics["evaluations"]
    assert "jacobian" not in solved(Scipy("RK45")).statistics


def test_scipy_takes_differences_where_a_part_has_no_derivatives():
    run = simulate(RUNAWAY, {"x": np.full(1, 0.5)}, t1=1.0, integrator=Scipy("BDF", rtol=1e-8), save_at=[1.0])
    assert run.statistics["jacobian"] == "differences"
    np.testing.assert_allclose(run.states["x"][0], (0.5**-2 - 2) ** -0.5, rtol=1e-5)
    gradient, _ = networks()["gradient"]
    states = {n: np.full(p.size, 0.3) for n, p in gradient.populations.items()}
    assert simulate(gradient, states, t1=0.1, integrator=Scipy()).statistics["jacobian"] == "differences"


def test_scipy_holds_clamped_neurons_in_its_jacobian_too():
    memory, cues = problem()
    clamp = {"value": np.arange(I) < 3, "memory": np.arange(N) < 20}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # part of a softmax is held
        runs = [
            simulate(memory, cues, t1=1.0, integrator=integrator, save_at=TIMES, clamp=clamp)
            for integrator in (Scipy("Radau", rtol=1e-7, atol=1e-9), RungeKutta(rtol=1e-9, atol=1e-11))
        ]
    assert runs[0].statistics["jacobian"] == "analytic"
    assert (runs[0].states["value"][..., :3] == cues[:, :3]).all()
    assert_agrees(runs[0], runs[1], 1e-5)


@pytest.mark.parametrize("name", few(["two", "projection", "adiabatic", "leak 0"], ["two", "adiabatic"]))
def test_the_jacobian_equals_differences_on_every_library(name, library):
    network, _ = networks()[name]
    rng = np.random.default_rng(7)
    states = {n: rng.standard_normal((2, 1, p.size)) for n, p in network.populations.items()}
    clamp = {n: rng.random(p.size) < 0.3 for n, p in network.populations.items()}
    there, x = (network, states) if library == "numpy" else (backend.move(y, library) for y in (network, states))
    evaluate = jacobian
    if library == "jax":
        import jax

        evaluate, clamp = jax.jit(jacobian), backend.move(clamp, "jax")
    blocks = evaluate(there, x, clamp)
    clamp = {n: to_numpy(mask) for n, mask in clamp.items()}
    assert set(blocks) == {(target, source) for target in states for source in states}
    for source, y in states.items():
        for k in range(y.shape[-1]):
            step = 1e-6 * (np.arange(y.shape[-1]) == k)
            ahead, behind = (network.velocity({**states, source: y + s * step}, clamp) for s in (1, -1))
            for target in states:
                slope = (ahead[target] - behind[target]) / 2e-6
                np.testing.assert_allclose(to_numpy(blocks[target, source])[..., k], slope, atol=2e-6, rtol=1e-6)
