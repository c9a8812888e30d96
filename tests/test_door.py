"""Bad input is refused where it comes in, in words that help."""

import importlib
import subprocess
import sys

import numpy as np
import pytest

from helpers import LIBRARIES, to_library
from hopfield import Diffrax, Euler, ModernHopfield, Network, Population, Relaxation, Scipy, UniversalHopfield, simulate
from hopfield.dynamics import CustomLagrangian, Quadratic, SimulationError, TorchDiffEq

EYE = np.eye(3)
CUE = np.array([0.9, 0.2, 0.1])


def run(memory=None, cue=CUE, **options):
    return simulate(memory or ModernHopfield(EYE), cue, **{"t1": 1.0, **options})


@pytest.mark.parametrize(
    ("patterns", "words"),
    [
        (np.array([[1.0, np.nan]]), r"1 values that are NaN or infinite, the first at index \(0, 1\)"),
        (np.array([[1.0, 0.0], [np.inf, 0.0]]), r"first at index \(1, 0\)"),
        (np.empty((0, 4)), "empty"),
        (np.ones(4), r"shape \(N, I\), got shape \(4,\)"),
        (np.ones((2, 2, 2)), "Flatten images first"),
        (np.array([["a", "b"]]), "must be numbers"),
    ],
)
def test_patterns(patterns, words):
    with pytest.raises((ValueError, TypeError), match=words):
        ModernHopfield(patterns)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (np.ones(5), r"shape \(5,\) but must be \(\.\.\., 3\): 3 patterns of 3 values"),
        (np.array([1.0, np.nan, 0.0]), "NaN"),
        (CUE.astype(np.float32), "float32 but the memory is float64"),
    ],
)
def test_queries(query, words):
    memory = ModernHopfield(EYE)
    for call in (memory.recall, memory.retrieve, lambda q: simulate(memory, q, t1=1.0)):
        with pytest.raises((ValueError, TypeError), match=words):
            call(query)


def test_integers_become_floats_once():
    memory = ModernHopfield(np.eye(3, dtype=np.uint8))
    assert memory.memories.dtype == np.float64
    assert memory.recall([1, 0, 0]).dtype == np.float64


@pytest.mark.skipif(len(LIBRARIES) < 2, reason="needs a second library")
def test_mixed_libraries_are_named():
    with pytest.raises(TypeError, match=rf"{LIBRARIES[-1]} array but the memory holds numpy"):
        ModernHopfield(EYE).recall(to_library(CUE, LIBRARIES[-1]))


@pytest.mark.parametrize("beta", [0, -1.0, np.nan, np.inf])
def test_beta(beta):
    for build in (ModernHopfield, UniversalHopfield):
        with pytest.raises(ValueError, match="beta must be > 0"):
            build(EYE, beta=beta)


@pytest.mark.parametrize("name", ["tau_value", "tau_memory"])
def test_time_constants(name):
    with pytest.raises(ValueError, match=name):
        ModernHopfield(EYE, **{name: -0.1})


@pytest.mark.parametrize("dt", [0.0, -1.0, float("nan")])
def test_dt(dt):
    for build in (Relaxation, Euler):
        with pytest.raises(ValueError, match="dt must be > 0"):
            build(dt)


@pytest.mark.parametrize("t1", [0, -1.0, np.inf, np.nan])
def test_t1(t1):
    with pytest.raises(ValueError, match="t1 must be > 0"):
        run(t1=t1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: UniversalHopfield(EYE, "euclidian"), "similarity 'euclidian'. Did you mean 'euclidean'"),
        (lambda: UniversalHopfield(EYE, separation="softmaxx"), "separation 'softmaxx'. Did you mean 'softmax'"),
        (lambda: UniversalHopfield(EYE, separation="polynomial(x)"), "parameter 'x' does not fit"),
        (lambda: run(integrator="relaxatoin"), "integrator 'relaxatoin'. Did you mean 'relaxation'"),
        (lambda: run(stop="stady"), "stop condition 'stady'. Did you mean 'steady'"),
        (lambda: Scipy("RK54"), "Did you mean 'RK45'"),
        (lambda: TorchDiffEq("dopri6"), "Did you mean 'dopri"),
        (lambda: ModernHopfield(EYE).to("jacks"), "backend 'jacks'. Did you mean 'jax'"),
        (lambda: run(clamp={"valeu": True}), "Did you mean 'value'"),
        (lambda: run(save=["memry"]), "Did you mean 'memory'"),
        (lambda: Network({"x": Population(Quadratic(), 1)}, flow="locl"), "Did you mean 'local'"),
    ],
)
def test_names_are_suggested(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_euler_on_a_stiff_pair_names_relaxation():
    with pytest.raises(ValueError, match=r"dt=0\.3 is unstable: .*'memory' relaxes in 0\.1.*Relaxation\(dt=0\.3\)"):
        run(integrator=Euler(0.3))
    assert run(integrator=Euler(0.05)).statistics["steps"] == 20


def test_save_at():
    for times, words in [
        ([0.5, 0.2], "increasing"),
        ([0.5, 2.0], "t1=1"),
        ([-1.0], "times from 0"),
        ([], "save_at"),
    ]:
        with pytest.raises(ValueError, match=words):
            run(save_at=times)
    with pytest.raises(ValueError, match="whole numbers"):
        run(integrator=Relaxation(np.inf), t1=3, save_at=[0.5])


def test_jumps_run_with_relaxation_only():
    for memory in (UniversalHopfield(EYE, "manhattan"), UniversalHopfield(EYE, separation="max")):
        for integrator in (Euler(0.01), Scipy("RK45"), "rosenbrock", "dopri5"):
            with pytest.raises(ValueError, match="stalls where forces jump"):
                run(memory, integrator=integrator)


def test_what_has_no_limit_is_refused_at_dt_inf():
    memory = UniversalHopfield(EYE, leak=0.0)
    with pytest.raises(ValueError, match="dt = inf has no limit for population 'value'"):
        run(memory, integrator=Relaxation(np.inf), t1=2)


def test_libraries_of_solvers():
    with pytest.raises(TypeError, match="Diffrax integrates JAX states, these are numpy"):
        run(integrator=Diffrax())
    with pytest.raises(TypeError, match="TorchDiffEq integrates PyTorch states, these are numpy"):
        run(integrator=TorchDiffEq())
    if "torch" in LIBRARIES:
        with pytest.raises(TypeError, match="Scipy integrates NumPy states, these are torch"):
            run(ModernHopfield(EYE).to("torch"), to_library(CUE, "torch"), integrator=Scipy())


def test_solvers_of_libraries_take_no_stop_and_no_guard():
    for options in ({"stop": "steady"}, {"guard": True}):
        with pytest.raises(ValueError, match="stop and guard do not reach"):
            run(integrator=Scipy(), **options)


def test_distance_with_weights_of_both_signs_recalls_and_refuses_dynamics():
    with pytest.warns(UserWarning, match="recall only"):
        memory = UniversalHopfield(EYE, "euclidean", "identity")
    assert memory.recall(CUE).shape == (3,)
    with pytest.raises(ValueError, match="repelled"):
        run(memory)
    assert "recall only" in repr(memory)


def test_a_lagrangian_without_gradient_on_numpy():
    custom = CustomLagrangian(lambda x: (x**2).sum(-1) / 2)
    with pytest.raises(TypeError, match="no automatic differentiation: give the Lagrangian its `gradient`"):
        custom.activation(np.ones(2))
    memory = UniversalHopfield(EYE, lambda m, g: g @ m.T)
    with pytest.raises(TypeError, match=r"give custom\.pullback by hand, or use JAX or PyTorch"):
        run(memory)


@pytest.mark.parametrize(("library", "module"), [("jax", "jax"), ("torch", "torch")])
def test_a_missing_package_names_the_pip_line(monkeypatch, library, module):
    real = importlib.import_module

    def absent(name, *rest):
        if name == module:
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(ImportError, match=rf'pip install "hopfield\[{library}\]"'):
        ModernHopfield(EYE).to(library)


@pytest.mark.skipif("jax" not in LIBRARIES, reason="needs JAX")
def test_jax_without_64_bit_names_the_switch():
    code = "import numpy as np; from hopfield import ModernHopfield; ModernHopfield(np.eye(2)).to('jax')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "jax_enable_x64" in done.stderr
    code = code[:-1] + ", dtype='float32'); print('moved')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout == "moved\n"


def test_a_runaway_says_which_sample_and_when():
    with pytest.warns(UserWarning, match="no lower bound"):
        memory = UniversalHopfield(3 * EYE, separation="identity", tau_memory=0)
    with pytest.raises(SimulationError, match=r"In sample 0 .* not finite at t=.* after \d+ steps") as info:
        run(memory, t1=500.0, integrator=Euler(0.5))
    assert len(info.value.trajectory.times) > 10
    kept = run(memory, t1=500.0, integrator=Euler(0.5), throw=False)
    assert kept.result.name == "NOT_FINITE"
    assert not kept.converged
