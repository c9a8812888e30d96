"""Bad input to dynamics: a sentence at the door that says what was given, why that is not it, and what to write."""

# What has the wrong type here has it on purpose, or is known better than its stubs say.
# pyright: reportArgumentType=false, reportAssignmentType=false

import numpy as np
import pytest

from helpers import LIBRARIES, few, to_library, to_numpy
from hopfield import ModernHopfield, UniversalHopfield
from hopfield.dynamics import (
    Bilinear,
    Convolution,
    CustomLagrangian,
    EquilibriumSynapse,
    Euler,
    Exponential,
    LayerNorm,
    LogCosh,
    LogSumExp,
    Network,
    Population,
    Power,
    Quadratic,
    Recurrent,
    Relaxation,
    RungeKutta,
    SimilaritySynapse,
    SimulationError,
    Softplus,
    Synapse,
    Threshold,
    TopK,
    convexity_defect,
    energy_rate_below,
    jacobian,
    logsumexp,
    near,
    settled,
    simulate,
    softmax,
    steady,
)
from hopfield.models import Cosine, Dot, Euclidean, KullbackLeibler, Manhattan

MEMORY = ModernHopfield(2 * np.eye(3), beta=2.0)
CUE = np.full(3, 0.3)
LAGRANGIANS = [Quadratic(2.0), LogCosh(), Power(4), Exponential(), LogSumExp(2.0), TopK(1), LayerNorm()]


# ---------------------------------------------------------------------------- Lagrangians, similarities, synapses


@pytest.mark.parametrize("lagrangian", LAGRANGIANS, ids=repr)
def test_lists_and_whole_numbers_are_states_of_a_lagrangian(lagrangian):
    right = lagrangian.activation(np.array([1.0, 2.0]))
    for x in (
        [1, 2],
        np.array([1, 2], np.int8),
        np.array([1, 2], np.uint8),
        np.array([1.0, 2.0], ">f8"),
        np.array([[1, 2]]).view(np.matrix),
    ):
        found = lagrangian.activation(x)
        assert type(found) is np.ndarray
        np.testing.assert_array_equal(found.reshape(-1), right)
    assert lagrangian.value([1, 2]) == lagrangian.value(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(
        lagrangian.curvature([1, 2], [1, 0]), lagrangian.curvature(np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    )


@pytest.mark.parametrize("lagrangian", LAGRANGIANS, ids=repr)
@pytest.mark.parametrize(
    ("x", "words"),
    [
        (2.0, r"x must be an array \(\.\.\., n\).*got 2\.0"),
        (np.float64(2.0), r"x must be an array \(\.\.\., n\)"),
        (np.zeros((2, 0)), "there is no neuron in it"),
        ("text", "x must be real numbers"),
        ([[1.0], [1.0, 2.0]], "x must be rows of numbers of one length"),
        (np.array([1j]), "x must be real numbers"),
        (np.ma.masked_array([1.0, 2.0], [True, False]), r"masked array.*numpy\.ma\.filled\(x, 0\.0\)"),
        (None, "x must be real numbers"),
    ],
    ids=str,
)
def test_what_is_no_state_of_a_lagrangian(lagrangian, x, words):
    with pytest.raises((ValueError, TypeError), match=words):
        lagrangian.activation(x)


@pytest.mark.filterwarnings("error")
def test_numbers_too_large_for_a_lagrangian_are_infinite_without_a_warning():
    assert Exponential().activation([1e4])[0] == np.inf
    assert np.isnan(softmax([np.inf, 0.0])).any()
    assert np.isnan(logsumexp([np.inf, np.inf]))
    assert Power(30).value([1e300]) == np.inf


def test_functions_of_a_vector_take_lists():
    np.testing.assert_array_equal(softmax([0, 0]), [0.5, 0.5])
    with pytest.raises(ValueError, match=r"z must be an array \(\.\.\., n\)"):
        logsumexp(3.0)


@pytest.mark.parametrize("library", [name for name in LIBRARIES if name != "numpy"])
def test_vectors_of_two_libraries_do_not_meet_in_a_lagrangian(library):
    if library == "jax":  # which takes NumPy's arrays as its own
        found = LogCosh().curvature(np.ones(2), to_library(np.ones(2), "jax"))
        assert type(found) is type(to_library(np.ones(2), "jax"))
        return
    with pytest.raises(TypeError, match="The arrays come from different libraries"):
        LogCosh().curvature(np.ones(2), to_library(np.ones(2), library))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Power(2.5), "The degree n must be a whole number >= 2, got 2.5"),
        (lambda: Power(np.array([3])), "The degree n must be a whole number"),
        (lambda: TopK(True), "k must be a whole number >= 1, got True"),
        (lambda: Threshold("low"), "t must be one number, got 'low'"),
        (lambda: LogCosh(None), "beta must be one number, got None"),
        (lambda: LogCosh(True), "beta must be one number, got True"),
        (lambda: LogCosh("2.0"), "beta must be one number, got '2.0'.*write beta=2.0"),
        (lambda: LogCosh(10**400), "beta is a whole number of 1329 bits, too large"),
        (lambda: LogCosh(np.ones(2)), r"beta must be one number, got a float64 array of shape \(2,\)"),
        (lambda: LayerNorm(eps=np.nan), "eps must be >= 0 and finite, got nan"),
        (lambda: CustomLagrangian(3), r"function must be a function x \(\.\.\., n\) -> L"),
        (lambda: CustomLagrangian(np.sum, gradient="x"), "gradient must be a function x -> dL/dx or None"),
        (lambda: CustomLagrangian(np.sum, is_convex="yes"), "is_convex must be True or False, got 'yes'"),
        (lambda: convexity_defect(LogCosh, np.ones((1, 2))), "a Lagrangian such as Power"),
        (lambda: convexity_defect(LogCosh(), np.ones((0, 2))), "give at least one state"),
        (lambda: convexity_defect(LogCosh(), np.ones((1, 2)), seed=-1), "seed must be a whole number >= 0"),
    ],
)
def test_lagrangians_that_cannot_be(make, words):
    with pytest.raises((ValueError, TypeError), match=words):
        make()


def test_narrow_and_foreign_numbers_are_taken_at_their_value():
    assert TopK(np.uint8(2)).k == 2
    assert LogCosh(np.float16(0.5)).beta == 0.5
    assert LogCosh(np.array(2)).beta == 2.0
    assert Relaxation(np.float32(0.5)).dt == 0.5
    assert RungeKutta(max_steps=np.uint8(250)).max_steps == 250
    for library in LIBRARIES:
        assert Euler(to_library(np.float64(0.25), library)).dt == 0.25


def test_the_class_of_a_lagrangian_is_told_from_one():
    with pytest.raises(TypeError, match=r"Write LogCosh\(\), with brackets"):
        Population(LogCosh, 3)


def test_an_own_lagrangian_that_answers_nonsense_is_named():
    bad = CustomLagrangian(lambda x: x, gradient=lambda x: None)
    with pytest.raises(
        TypeError, match=r"The function of a CustomLagrangian must give an array of numbers of shape \(\)"
    ):
        bad.value(np.ones(2))
    with pytest.raises(TypeError, match=r"The gradient of a CustomLagrangian .* of shape \(2\), got None|\(2,?\)"):
        bad.activation(np.ones(2))


@pytest.mark.parametrize("kind", [Dot(), Euclidean(), Cosine(), Manhattan(), KullbackLeibler()], ids=repr)
def test_similarities_take_lists_and_say_what_does_not_fit(kind):
    rows, g, f = [[1, 2], [2, 1]], [1, 1], [0.5, 0.5]
    right = kind.scores(np.array(rows, float), np.array(g, float))
    np.testing.assert_array_equal(kind.scores(rows, g), right)
    np.testing.assert_array_equal(kind.scores(np.array(rows, np.uint8), np.array(g, np.int8)), right)
    with pytest.raises(ValueError, match=r"f has shape \(3,\) but must be \(\.\.\., 2\): 2 patterns of 2 values"):
        kind.pullback(rows, g, [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match=r"g has shape \(3,\) but must be \(\.\.\., 2\)"):
        kind.scores(rows, [1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match=r"The batch axes of g \(2, 2\), f \(3, 2\) do not fit"):
        kind.pullback(rows, [g, g], [f, f, f])
    with pytest.raises(ValueError, match=r"memories must be a matrix \(N, I\)"):
        kind.scores([1.0, 2.0], g)
    with pytest.raises((TypeError, ValueError), match="memories must be"):
        kind.scores(None, g)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Recurrent(("x",), [[0, 1], [1, 0]]),
        lambda: Recurrent(["x"], np.array([[0, 1], [1, 0]], np.int8)),
        lambda: Recurrent(("x",), np.array([[0.0, 1.0], [1.0, 0.0]], ">f8")),
    ],
)
def test_weights_of_lists_and_whole_numbers_are_floats(make):
    network = Network({"x": Population(Quadratic(), 2)}, [make()])
    np.testing.assert_array_equal(network.velocity({"x": [1, 3]})["x"], [2.0, -2.0])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Bilinear(("x", "y"), np.full((2, 2), np.nan)), "W holds 4 values that are NaN"),
        (lambda: Bilinear(("x", "y"), np.ones(2)), r"W must be a matrix \(n_a, n_b\), got shape \(2,\)"),
        (lambda: Bilinear("xy", np.eye(2)), r'between must be a tuple of names of populations such as \("a", "b"\)'),
        (lambda: Recurrent(("x",), np.ones((2, 3))), r"W must be a square matrix, got shape \(2, 3\)"),
        (lambda: Recurrent(("x",), np.eye(2), "yes"), "positive must be True or False"),
        (lambda: SimilaritySynapse(("a", "b"), "dot", np.eye(2)), r"similarity must be a similarity such as Dot\("),
        (lambda: SimilaritySynapse(("a", "b"), Dot(), [[np.inf]]), "memories holds 1 values that are NaN or infinite"),
        (lambda: EquilibriumSynapse(("a",), (Dot(), Dot()), (np.eye(2),), LogSumExp()), "must be a tuple"),
        (lambda: EquilibriumSynapse(("a",), (Dot(),), (np.eye(2),), LogSumExp(), 0.0), "leak must be > 0"),
        (
            lambda: EquilibriumSynapse(("a", "b"), (Dot(), Dot()), (np.eye(2), np.eye(3)), LogSumExp()),
            r"The memories have \[2, 3\] rows",
        ),
        (lambda: Convolution(("a", "b"), np.ones((2, 1, 1)), 4), "shape must be a list of sizes"),
        (lambda: Convolution(("a", "b"), np.ones((2, 1, 1)), (4, 1), stride=1.5), "stride must be a whole number"),
        (lambda: Population(LogCosh(), 2.5), "size .at least one neuron. must be a whole number >= 1, got 2.5"),
        (lambda: Population(LogCosh(), True), "size .at least one neuron. must be a whole number >= 1, got True"),
        (lambda: Network([Population(LogCosh(), 2)]), "populations must be a dict"),
        (lambda: Network({"x": LogCosh()}), "population 'x' must be a Population"),
        (lambda: Network({"x": Population(LogCosh(), 2)}, [np.eye(2)]), r"synapses\[0\] must be a synapse"),
    ],
)
def test_parts_of_a_network_that_cannot_be(make, words):
    with pytest.raises((ValueError, TypeError), match=words):
        make()


@pytest.mark.parametrize("kind", [Population, Network, SimilaritySynapse, EquilibriumSynapse, Bilinear, Recurrent])
def test_what_is_needed_has_no_default(kind):
    with pytest.raises(TypeError, match=r"missing .* required positional argument"):
        kind()


@pytest.mark.parametrize(("value", "dtype"), [(5e-324, np.float64), (1e-300, np.float64), (1e-35, np.float32)])
@pytest.mark.parametrize("what", ["leak", "tau"])
def test_a_leak_that_vanishes_in_the_dtype_is_refused(value, dtype, what):
    with pytest.raises(ValueError, match=f"has {what}=.*overflows or vanishes in the dtype"):
        Network({"x": Population(LogCosh(), 2, **{what: value})}, [Recurrent(("x",), np.eye(2, dtype=dtype))])


def test_states_that_do_not_fit_a_network():
    network = Network(
        {"a": Population(Quadratic(), 2), "b": Population(Quadratic(), 1)}, [Bilinear(("a", "b"), [[1], [2]])]
    )
    for verb in (network.energy, network.velocity, network.energy_rate, lambda states: jacobian(network, states)):
        with pytest.raises(TypeError, match="The states must be a dict such as"):
            verb([1.0, 2.0])
        with pytest.raises(ValueError, match=r"\['b'\] do not agree"):
            verb({"a": [1.0, 2.0]})
        with pytest.raises(ValueError, match=r"state 'a' has shape \(3,\) but must be \(\.\.\., 2\)"):
            verb({"a": np.ones(3), "b": np.ones(1)})
        with pytest.raises(ValueError, match=r"The batch axes of the states do not fit: a \(2, 2\), b \(3, 1\)"):
            verb({"a": np.ones((2, 2)), "b": np.ones((3, 1))})


# -------------------------------------------------------------------------------------------------- simulations


@pytest.mark.parametrize("clamp", ["memory", "value"])
def test_a_clamp_that_names_a_population_says_how_to_hold_it(clamp):
    with pytest.raises(TypeError, match=rf'hold all of it with clamp=\{{"{clamp}": True\}}'):
        simulate(MEMORY, CUE, t1=1.0, clamp=clamp)
    held = simulate(MEMORY, CUE, t1=1.0, clamp={clamp: True}, save="all").states[clamp]
    np.testing.assert_array_equal(held[0], held[-1])


@pytest.mark.parametrize(
    "clamp", [["False"] * 3, [np.nan] * 3, [0.5] * 3, [1, 0, 0], 1, 0.5, "nobody", {"value": None}], ids=str
)
def test_a_clamp_is_a_mask_of_bools(clamp):
    with pytest.raises(TypeError, match=r"must be True, False or a mask of bools, got .*numpy\.arange\(3\) < 1"):
        simulate(MEMORY, CUE, t1=1.0, clamp=clamp)


def test_masks_and_batches_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"clamp of 'value' has shape \(4, 3\), which does not fit \(3,\)"):
        simulate(MEMORY, CUE, t1=1.0, clamp=np.ones((4, 3), bool))
    with pytest.raises(ValueError, match=r"clamp of 'value' has shape \(3, 3\), which does not fit \(4, 3\)"):
        simulate(MEMORY, np.ones((4, 3)), t1=1.0, clamp=np.ones((3, 3), bool))
    with pytest.raises(ValueError, match=r"The batch axes of the states do not fit: value \(2, 3\), memory \(3, 3\)"):
        simulate(MEMORY.network, {"value": np.ones((2, 3)), "memory": np.ones((3, 3))}, t1=1.0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: steady(np.nan), "tol must be >= 0 and finite, got nan"),
        (lambda: steady("x"), "tol must be one number, got 'x'"),
        (lambda: steady(np.ones(2)), "tol must be one number"),
        (lambda: settled(-1.0), "tol must be >= 0"),
        (lambda: energy_rate_below(-1.0), "rate must be >= 0"),
        (lambda: near(np.full(3, np.nan), 0.1), "pattern holds 3 values that are NaN"),
        (lambda: near(CUE, -1.0), "radius must be >= 0"),
        (lambda: near(np.eye(3), 1.0), r"pattern must be one pattern \(n,\), got shape \(3, 3\)"),
    ],
)
def test_a_stop_condition_that_cannot_be_is_refused_when_it_is_made(make, words):
    with pytest.raises((TypeError, ValueError), match=words):
        make()


@pytest.mark.parametrize(
    ("stop", "words"),
    [
        (near(np.ones(5), 0.1), "near has a pattern of 5 values; 'value' has 3 neurons"),
        (lambda moment: None, "gives one bool for each of the 2 samples.*gave None"),
        (lambda moment: 1.0, "gives one bool for each of the 2 samples.*gave 1.0"),
        (lambda moment: [True, False, True], "gives one bool for each of the 2 samples"),
        (3, "stop must be a function of a Moment"),
    ],
)
def test_what_a_stop_condition_answers_is_looked_at(stop, words):
    with pytest.raises((TypeError, ValueError), match=words):
        simulate(MEMORY, np.stack([CUE, CUE]), t1=1.0, stop=stop)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"t1": 1e30}, "to t1=1e.30 would take 1e.31 steps, and no more than 1e.09 are taken. Give a smaller t1"),
        ({"t1": 1.0, "integrator": Relaxation(1e-200)}, "would take 1e.200 steps"),
        ({"t1": 1.0, "integrator": Euler(1e-200)}, "would take 1e.200 steps"),
        ({"t1": 1.0, "integrator": Relaxation(1e-320, adaptive=True)}, "would take inf steps"),
        ({"t1": 5e-324}, "t1=4.94066e-324 is too short to be divided into steps"),
        ({"t1": 1e30, "integrator": Relaxation(np.inf)}, "would take 1e.30 steps"),
        ({"t1": 1.0, "integrator": RungeKutta(rtol=1e-320)}, "which float64 cannot resolve"),
        ({"t1": 1.0, "save_at": 2.5}, "save_at, every how many steps to save, must be a whole number >= 1, got 2.5"),
        ({"t1": 1.0, "save_at": 2**31}, "must be a whole number from 1 to 1000000000, got 2147483648"),
        ({"t1": 1.0, "save_at": "abc"}, "save_at.* must be a whole number >= 1, got 'abc'"),
        ({"t1": 1.0, "save": 3}, "save must be a name or a list of names"),
        ({"t1": 1.0, "throw": "no"}, "throw must be True or False, got 'no'"),
        ({"t1": 1.0, "guard": 1}, "guard must be True or False, got 1"),
        ({"t1": 1.0, "progress": [True]}, "progress must be True or False"),
        ({"t1": 1.0, "temperature": "hot"}, "temperature is a number"),
    ],
)
def test_a_run_that_cannot_be_is_refused_beforehand(options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        simulate(MEMORY, CUE, **options)


@pytest.mark.parametrize("seed", [-1, 1.5, "x", np.array([[1]]).view(np.matrix), [1, 2], None, True])
def test_the_seed_of_noise_is_a_whole_number_or_a_generator(seed):
    memory = ModernHopfield(np.eye(3), tau_memory=0.0)
    if seed is None:
        simulate(memory, CUE, t1=0.1, temperature=0.1, seed=np.random.default_rng(0))
        return
    with pytest.raises(TypeError, match=r"seed must be a whole number >= 0 or a numpy\.random\.Generator"):
        simulate(memory, CUE, t1=0.1, temperature=0.1, seed=seed)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Relaxation("x"), "dt must be one number, got 'x'"),
        (lambda: Relaxation(np.nan), "dt must be > 0, got nan"),
        (lambda: Relaxation(0.1, True), r"order must be 1 \(Lie\) or 2 \(Strang\), got True"),
        (lambda: Relaxation(0.1, 1, "no"), "adaptive must be True or False"),
        (lambda: RungeKutta(np.ones(2)), "Unknown Runge-Kutta method a float64 array"),
        (lambda: RungeKutta(max_steps=2.5), "max_steps must be a whole number >= 1, got 2.5"),
        (lambda: RungeKutta(max_steps=2**63), "max_steps must be a whole number from 1 to 1000000000"),
    ],
)
def test_integrators_that_cannot_be(make, words):
    with pytest.raises((TypeError, ValueError), match=words):
        make()


def test_what_is_no_memory_cannot_be_simulated():
    for what in (3, None, range(4), np.eye(3), ModernHopfield):
        with pytest.raises(TypeError, match=r"memory must be a model such as ModernHopfield|A Network is started"):
            simulate(what, CUE, t1=1.0)


@pytest.mark.filterwarnings("error::RuntimeWarning", "ignore::UserWarning")
def test_an_overflow_before_the_first_step_is_the_simulations_own_error():
    memory = UniversalHopfield(30 * np.ones((2, 2)), "dot", "exponential")
    with pytest.raises(SimulationError, match="not finite"):
        simulate(memory, np.full(2, 30.0), t1=1.0)


def test_layer_norm_does_not_overflow_where_squares_would():
    x = np.array([[1e20, -1e20, 3e19]], np.float32)
    right = LayerNorm().activation(x.astype(np.float64))
    np.testing.assert_allclose(LayerNorm().activation(x), right, rtol=1e-6)
    np.testing.assert_allclose(LayerNorm().value(x), LayerNorm().value(x.astype(np.float64)), rtol=1e-6)
    np.testing.assert_allclose(LayerNorm(eps=0.0).activation(np.array([1e-200, 3e-200])), [-1.0, 1.0])
    z = np.array([0.5, -1.0, 2.0])
    plain = (z - z.mean()) / np.sqrt(z.var() + 1e-5)
    np.testing.assert_allclose(LayerNorm().activation(z), plain, rtol=1e-15)


def test_masked_arrays_are_refused_and_bytes_of_any_order_taken(library):
    patterns = np.random.default_rng(0).normal(size=(3, 4))
    with pytest.raises(TypeError, match=r"patterns is a masked array.*numpy\.ma\.filled\(patterns, 0\.0\)"):
        ModernHopfield(np.ma.masked_array(patterns, patterns > 1))
    memory, swapped = ModernHopfield(patterns), ModernHopfield(patterns.astype(">f8"))
    run, same = (simulate(m, patterns[0].astype(kind), t1=1.0).final for m, kind in ((memory, "f8"), (swapped, ">f8")))
    np.testing.assert_array_equal(run["value"], same["value"])
    recalled = to_numpy(swapped.to(library).recall(to_library(patterns[0], library)))
    np.testing.assert_allclose(recalled, memory.recall(patterns[0]), rtol=1e-12)
    with pytest.raises(TypeError, match="masked array"):
        memory.recall(np.ma.masked_array(patterns[0], patterns[0] > 0))


def test_a_class_of_softplus_is_no_value_lagrangian():
    with pytest.raises(TypeError, match="value_lagrangian must be a Lagrangian"):
        UniversalHopfield(np.ones((1, 2)), value_lagrangian=Softplus)


def test_a_synapse_of_too_many_arguments_says_which_it_takes():
    dot, f = Dot(np.eye(3)), LogSumExp()
    with pytest.raises(TypeError, match=r"EquilibriumSynapse\(between, .* bias\) cannot be made.*too many"):
        EquilibriumSynapse(("v",), (Dot(),), iter([np.eye(3)]), f, 1.0, None)
    with pytest.raises(TypeError, match=r"EquilibriumSynapse\(.*missing a required argument: 'lagrangian'"):
        EquilibriumSynapse(("v",), (dot,))
    with pytest.raises(TypeError, match=r"SimilaritySynapse\(between, similarity, nonnegative\) cannot be made"):
        SimilaritySynapse(("v", "h"), dot, True, 3)


@pytest.mark.parametrize("method", ["auto", "rosenbrock", "relaxation", "dopri5"])
def test_a_start_whose_square_overflows_is_refused_where_errors_are_measured(method):
    network = Network({"x": Population(LogCosh(), 2, leak=1.0)})
    for large, dtype in ((1e200, np.float64), (1e30, np.float32)):
        if method in ("auto", "relaxation"):  # exact steps, of which no error is asked
            run = simulate(network, {"x": np.array([large, 1.0], dtype)}, t1=0.2, integrator=method)
            np.testing.assert_allclose(run.final["x"], np.exp(-0.2) * np.array([large, 1.0]), rtol=1e-6)
            continue
        with pytest.raises(ValueError, match=r"'x' starts at numbers as large as 1e\+.*squares overflow in float"):
            simulate(network, {"x": np.array([large, 1.0], dtype)}, t1=0.2, integrator=method)


def test_a_state_that_runs_beyond_its_squares_is_a_failure():
    class Away(Synapse):
        between = ("x",)
        conservative = False

        def energy(self, g):
            return 0 * g.sum(-1)

        def forces(self, g):
            return (10.0 * g,)

    network = Network({"x": Population(Quadratic(), 1, leak=0.0)}, [Away()])
    with pytest.raises(SimulationError, match="In sample 0 population 'x' is not finite"):
        simulate(network, {"x": np.array([1.0])}, t1=1e3, integrator=Euler(0.1))
    with pytest.raises(SimulationError, match=r"too small to go on.*its energy rose or its square overflowed"):
        simulate(network, {"x": np.array([1.0])}, t1=1e3, integrator=RungeKutta())


@pytest.mark.parametrize("similarity", few(["dot", "euclidean", "manhattan", "cosine", "kl"], 1))
def test_patterns_beside_whole_numbers_of_jax_are_not_cut_to_whole_numbers(similarity):
    pytest.importorskip("jax")
    M, g = np.array([[0.6, 0.7], [0.4, 1.3]]), np.array([2, 3])
    one = type(UniversalHopfield(M, similarity).similarity)
    expected = one(M).scores(g.astype(float))
    np.testing.assert_allclose(to_numpy(one().scores(M, to_library(g, "jax"))), expected, rtol=1e-5)
    large = one().scores(np.array([[1e300, 1e300], [0.4, 1.3]]), to_library(g, "jax"))  # beyond float32: no warning
    np.testing.assert_allclose(to_numpy(large)[1], expected[1], rtol=1e-5)
