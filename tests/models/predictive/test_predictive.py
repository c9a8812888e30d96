"""Predictive coding: conditional means, energies that fall, one fixed point, a local rule that never raises E."""

import warnings

import numpy as np
import pytest

from helpers import LIBRARIES, epsilon, to_library, to_numpy
from hopfield import analysis
from hopfield.dynamics import Network, Population, Quadratic, Rosenbrock, simulate
from hopfield.dynamics.network import strangers
from hopfield.models import CovarianceMemory, Model, Prediction, PredictiveCodingMemory, Prior
from hopfield.models.predictive._learning import moved

RNG = np.random.default_rng(0)
CLOUD = RNG.normal(size=(300, 8)) @ RNG.normal(size=(8, 8)) + RNG.normal(size=8)
KNOWN = np.arange(8) < 5
FORMS = pytest.mark.parametrize("form", ["explicit", "implicit"])
PHI = ["tanh", "sigmoid", "relu", "swish", "identity"]
PATTERNS = RNG.normal(size=(5, 10))
HALF = np.arange(10) < 5


def conditional(mean, covariance, cue, known):
    """The mean of a Gaussian given the known coordinates, from its definition."""
    o, u = np.flatnonzero(known), np.flatnonzero(~known)
    return mean[u] + (cue[:, o] - mean[o]) @ np.linalg.solve(covariance[np.ix_(o, o)], covariance[np.ix_(o, u)])


def taught(hidden=8, activation="tanh", epochs=60):
    return PredictiveCodingMemory.from_patterns(PATTERNS, hidden, activation=activation, epochs=epochs, seed=1)


def taught_small():
    return PredictiveCodingMemory.from_patterns(PATTERNS[:3, :3], 4, epochs=30, seed=1)


# ------------------------------------------------------------------------------------------------ covariances


@FORMS
def test_what_is_missing_is_the_conditional_mean(form):
    memory, cue = CovarianceMemory(CLOUD, form=form, ridge=0.0), CLOUD[:4]
    expected = conditional(CLOUD.mean(0), np.cov(CLOUD.T, bias=True), cue, KNOWN)
    found = memory.retrieve(np.where(KNOWN, cue, np.nan), known=KNOWN, hold=True)
    assert np.abs(found.state[:, ~KNOWN] - expected).max() < 1e-10
    assert found.converged.all()
    np.testing.assert_array_equal(found.state[:, KNOWN], cue[:, KNOWN])
    method = Rosenbrock(rtol=1e-10, atol=1e-13)
    run = simulate(memory, np.where(KNOWN, cue, 0.0), t1=1e5, clamp={"value": KNOWN}, integrator=method)
    assert np.abs(run.activations["value"][-1][:, ~KNOWN] - expected).max() < 1e-10
    assert analysis.check_lyapunov(memory, run).holds


@FORMS
def test_masks_of_each_query_and_the_prediction_from_the_others(form):
    memory, cue = CovarianceMemory(CLOUD, form=form), CLOUD[:6].reshape(2, 3, 8)
    masks = RNG.random((2, 3, 8)) < 0.6
    masks[..., 0] = True
    both = memory.retrieve(cue, known=masks, hold=True).state
    for row in np.ndindex(2, 3):
        alone = memory.retrieve(cue[row], known=masks[row], hold=True).state
        np.testing.assert_allclose(both[row], alone, atol=1e-11)
    others = memory.recall(cue[0])
    for k in range(8):
        without = np.arange(8) != k
        left_out = conditional(memory.mean, memory.covariance, cue[0], without)
        np.testing.assert_allclose(others[:, [k]], left_out, atol=1e-10)
        by_mask = memory.recall(cue[0], known=np.arange(8) >= 0)
        np.testing.assert_allclose(by_mask, others, atol=1e-10)


def test_the_implicit_network_moves_each_neuron_against_its_own_error_and_its_energy_falls_where_the_norm_rises():
    memory = CovarianceMemory(CLOUD, form="implicit", ridge=0.0)
    W, gap = memory.couplings, CLOUD[:50] - memory.mean
    np.testing.assert_array_equal(np.diag(W), np.zeros(8))
    states = memory.start(CLOUD[:50])
    velocity = memory.network.velocity(states)["value"]
    gains = memory.network.activations({"value": velocity})["value"]  # linear: dg/dt
    np.testing.assert_allclose(gains, -(gap - gap @ W.T), rtol=1e-9, atol=1e-9)
    assert (memory.network.energy_rate(states) < 0).all()
    rises = 0
    for seed in range(40):  # x <- x - dt (x - W x), as published, on random covariances
        A = np.random.default_rng(seed).normal(size=(6, 6))
        one = CovarianceMemory(np.vstack([A, -A]), form="implicit", ridge=1e-2)
        x, W, L = np.random.default_rng(seed + 99).normal(size=6), one.couplings, one.precision
        for _ in range(200):
            new = x - 0.05 * (x - W @ x)
            assert new @ L @ new <= x @ L @ x * (1 + 1e-12)
            rises += np.sum((new - W @ new) ** 2) > np.sum((x - W @ x) ** 2) * (1 + 1e-12)
            x = new
    assert rises > 0  # the sum of squared errors is no energy of it


@FORMS
def test_the_only_fixed_point_is_the_mean(form):
    memory = CovarianceMemory(CLOUD, form=form)
    found = analysis.find_fixed_points(memory, batches=1, seed=0, wanted="all")
    assert len(found.state) == 1
    assert found.index[0] == 0
    assert found.morse_sum == 1  # though twice as far out as the mean the flow still points outward here and there
    assert found.complete != "undefined"
    np.testing.assert_allclose(memory.network.energy(memory.start(memory.mean)), 0.0, atol=1e-12)
    assert memory.energy(CLOUD[:3]).shape == (3,)
    labels = analysis.basins_of_attraction(memory, CLOUD[:5], found).labels
    assert (labels == 0).all()


def test_the_mean_of_patterns_that_are_alike_is_not_called_a_memory():
    """The cosine of the mean with each of them is above 0.9, from which other points go by the name of a pattern."""
    patterns = 3 + PATTERNS
    cosines = patterns @ patterns.mean(0) / np.linalg.norm(patterns, axis=1) / np.linalg.norm(patterns.mean(0))
    assert cosines.min() > 0.9
    found = analysis.find_fixed_points(CovarianceMemory(patterns), seed=0)
    assert (found.kind.tolist(), found.pattern.tolist()) == (["global mean"], [-1])
    alone = analysis.find_fixed_points(CovarianceMemory(patterns[:1]), seed=0)
    assert (alone.kind.tolist(), alone.pattern.tolist()) == (["memory"], [0])


SMALL = PATTERNS[:3, :3]


@pytest.mark.parametrize(
    ("memory", "parameter"),
    [
        (CovarianceMemory(SMALL, ridge=0.1), ("ridge", 0.1, 0.3)),
        (CovarianceMemory(SMALL, form="implicit", ridge=0.1), ("tau_value", 1.0, 1.2)),
        (taught_small(), ("tau", 1.0, 1.2)),
    ],
    ids=["explicit", "implicit", "generative"],
)
def test_every_analysis_takes_it_and_says_that_there_is_one_point(memory, parameter):
    rest = memory.retrieve(SMALL).state[0]
    found = analysis.find_fixed_points(memory, seed=0)
    np.testing.assert_allclose(found.activation[:, :3], [rest], atol=1e-8)  # in units of the patterns, whatever `state`
    assert (found.morse_sum, found.complete) == (1, "not refuted")
    basins = analysis.basins_of_attraction(memory, SMALL, found)
    assert (basins.labels == 0).all()
    assert (analysis.basin_slice(memory, *SMALL, resolution=3, fixed_points=found).labels == 0).all()
    assert analysis.basin_radius(memory, 0, directions=2).adversarial == 0  # no pattern has a basin
    whole = analysis.landscape(memory, found)
    assert len(whole.minima) == 1
    assert len(whole.saddles) == 0
    np.testing.assert_allclose(whole.activation[:, :3], [rest], atol=1e-8)
    for branch in analysis.continue_fixed_points(memory, *parameter, points=12).branches:
        same = np.broadcast_to(found.state, branch.coordinates.shape)  # the mean depends on neither number
        np.testing.assert_allclose(branch.coordinates, same, rtol=1e-7, atol=1e-8)
    run = simulate(memory, SMALL, t1=2.0)
    assert analysis.check_lyapunov(memory, run).holds
    assert analysis.check_lyapunov(memory, SMALL).holds


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_run_is_the_same_on_every_library(library):
    for plain in (CovarianceMemory(SMALL, form="implicit", ridge=0.1), taught_small()):
        expected = simulate(plain, SMALL, t1=0.5)
        found = simulate(plain.to(library), to_library(SMALL, library), t1=0.5)
        for name, state in expected.final.items():
            np.testing.assert_allclose(to_numpy(found.final[name]), state, rtol=1e-8, atol=1e-10)


def test_a_covariance_without_an_inverse_is_refused():
    with pytest.raises(ValueError, match=r"The 3 patterns span 2 of 8 directions.*ridge=1e-3"):
        CovarianceMemory(CLOUD[:3], ridge=0.0)
    assert CovarianceMemory(CLOUD[:3]).retrieve(CLOUD[:3], known=KNOWN, hold=True).pattern.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="Unknown form"):
        CovarianceMemory(CLOUD, form="dendritic")


def test_layers_whose_errors_overflow_have_no_answer_and_learn_nothing():
    """Neither a residual of NaN beside a state, nor energies of infinity beside weights that stay as they were."""
    memory = PredictiveCodingMemory([np.full((3, 2), 1e200)])
    with pytest.raises(ValueError, match="errors of query 0 are too large for float64"):
        memory.retrieve(np.ones(3), known=np.array([True, True, False]), hold=True)
    with pytest.raises(ValueError, match="patterns is too large for float64 before anything is learned"):
        PredictiveCodingMemory.random((3, 2)).learn(1e200 * np.eye(3), epochs=3)


@pytest.mark.parametrize(("dtype", "large", "small"), [("float64", 1e200, 1e-200), ("float32", 1e25, 1e-25)])
def test_patterns_whose_squares_no_number_holds_have_no_covariance(dtype, large, small):
    """Squares that vanish would leave the ridge alone, and every answer would be the mean in silence."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=f"too large for {dtype}: scale them down"):
            CovarianceMemory((large * CLOUD).astype(dtype))
        with pytest.raises(ValueError, match=f"{dtype} has no numbers for their covariance: scale them up"):
            CovarianceMemory((small * CLOUD).astype(dtype))
    unit = 1e-140 if dtype == "float64" else 1e-14
    tiny = CovarianceMemory((unit * CLOUD).astype(dtype)).retrieve((unit * CLOUD).astype(dtype), known=KNOWN, hold=True)
    whole = CovarianceMemory(CLOUD).retrieve(CLOUD, known=KNOWN, hold=True)
    np.testing.assert_allclose(tiny.state / unit, whole.state, atol=1e-3 if dtype == "float32" else 1e-9)


# ------------------------------------------------------------------------------------------------ generative


@pytest.mark.parametrize("activation", PHI)
def test_forces_belong_to_the_energy_and_blocks_to_the_forces(activation):
    memory = PredictiveCodingMemory.random((6, 5, 4), activation=activation, seed=3)
    states = {f"layer{k}": RNG.normal(size=(4, n)) for k, n in enumerate(memory.sizes)}
    assert strangers(memory.network, states) == []
    wire = memory.network.synapses["layer0~layer1"]
    g, u, step = (states["layer0"], states["layer1"]), RNG.normal(size=(4, 5)), 1e-6
    for target in (0, 1):
        ahead, behind = (wire.forces(g[0], g[1] + s * u)[target] for s in (step, -step))
        np.testing.assert_allclose(wire.block(target, 1, u, *g), (ahead - behind) / (2 * step), atol=1e-7)
        w = RNG.normal(size=(4, 6))
        ahead, behind = (wire.forces(g[0] + s * w, g[1])[target] for s in (step, -step))
        np.testing.assert_allclose(wire.block(target, 0, w, *g), (ahead - behind) / (2 * step), atol=1e-7)


def test_linear_layers_complete_as_the_gaussian_that_they_generate():
    memory = PredictiveCodingMemory.random((9, 6, 4), activation="identity", gain=2.0, seed=2)
    W, V = memory.weights
    mean, covariance = W @ V @ memory.offsets[-1], np.eye(9) + W @ W.T + W @ V @ V.T @ W.T
    known, cue = np.arange(9) < 5, RNG.normal(size=(3, 9))
    expected = conditional(mean, covariance, cue, known)
    found = memory.retrieve(np.where(known, cue, np.nan), known=known, hold=True, tol=1e-14)
    assert np.abs(found.state[:, ~known] - expected).max() < 1e-10
    assert np.abs(memory.recall(cue, known=known)[:, ~known] - expected).max() < 1e-10
    whole = memory.recall(cue)
    np.testing.assert_allclose(memory.recall(cue, known=np.ones(9, bool)), whole, atol=1e-12)


@pytest.mark.parametrize(
    ("hidden", "activation"),
    [(8, "tanh"), ((8, 5), "tanh"), ((8, 5), "swish"), pytest.param(8, "relu", marks=pytest.mark.slow)],
)
def test_inference_ends_where_the_flow_does_and_the_energy_falls_along_it(hidden, activation):
    memory = taught(hidden, activation)
    cue = np.where(HALF, PATTERNS, 0.0)
    found = memory.retrieve(cue, known=HALF, hold=True, tol=1e-10)
    assert found.converged.all()
    assert found.pattern.tolist() == [0, 1, 2, 3, 4]
    run = simulate(memory, cue, t1=1e4, clamp={"layer0": HALF}, stop="steady")
    np.testing.assert_allclose(run.final["layer0"], found.state, atol=2e-4)
    assert analysis.check_lyapunov(memory, run).holds
    settled = memory.infer(cue, known=HALF, tol=1e-10)
    velocity = memory.network.velocity(settled, clamp={"layer0": HALF})
    assert max(np.abs(v).max() for v in velocity.values()) < 1e-7
    np.testing.assert_allclose(memory.network.energy(settled), found.energy, rtol=1e-12)


@pytest.mark.parametrize("sizes", [(4, 3), (4, 6, 3)])
def test_with_nothing_held_there_is_one_fixed_point_and_it_is_what_the_prior_generates(sizes):
    memory = PredictiveCodingMemory.from_patterns(PATTERNS[:, :4], sizes[1:], epochs=100)
    found = analysis.find_fixed_points(memory, batches=1, seed=0)
    assert found.index.tolist() == [0]
    states = {name: np.asarray(x) for name, x in memory.start(memory.retrieve(PATTERNS[0, :4]).state).items()}
    assert float(memory.network.energy(states)) < 1e-20
    assert max(np.abs(v).max() for v in memory.network.velocity(states).values()) < 1e-10
    clamped = memory.infer(PATTERNS[:, :4])
    assert (memory.network.energy(clamped) > 1e-6).all()  # patterns are held, not at rest


def test_the_local_rule_never_raises_the_energy():
    memory = PredictiveCodingMemory.random((10, 8, 6), seed=4)
    found = memory.learn(PATTERNS, epochs=40)
    assert (np.diff(found.energy) <= 1e-12 * found.energy[:-1]).all()
    assert found.energy[-1] < found.energy[0] / 5


@pytest.mark.skipif("torch" not in LIBRARIES, reason="needs PyTorch")
def test_the_rule_is_the_slope_of_the_energy_in_the_weights():
    import torch

    layers = PredictiveCodingMemory.random((10, 8, 6), seed=4).to("torch").layers
    rows = torch.asarray(PATTERNS)
    hidden = [torch.asarray(RNG.normal(size=(5, n))) for n in (8, 6)]
    layers = moved(layers, rows, hidden, 1e-30)  # offsets at their best
    weights = [w.clone().requires_grad_() for w in layers.weights]
    residuals = layers._replace(weights=tuple(weights)).residuals(rows, torch.ones_like(rows), hidden)
    slopes = torch.autograd.grad(sum((r**2).sum() for r in residuals) / 2, weights)
    after = moved(layers, rows, hidden, 1.0)
    for old, new, slope, x in zip(layers.weights, after.weights, slopes, hidden, strict=True):
        around = torch.tanh(x) - torch.tanh(x).mean(0)
        expected = -slope / torch.linalg.eigvalsh(around.T @ around)[-1]
        np.testing.assert_allclose(to_numpy(new - old), to_numpy(expected), rtol=1e-9, atol=1e-12)


@pytest.mark.broad
def test_more_epochs_bring_answers_nearer_to_the_patterns():
    errors = []
    for epochs in (10, 100, 1000):
        memory = taught(12, epochs=epochs)
        found = memory.retrieve(PATTERNS, known=HALF, hold=True)
        errors.append(float(np.abs(found.state - PATTERNS).max()))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.15


def test_training_that_diverges_is_stopped_and_the_last_good_weights_stay():
    memory = PredictiveCodingMemory.random((10, 8), seed=4)
    with pytest.warns(UserWarning, match=r"Training diverged in epoch \d+: .* Take rate <= 1 \(it is 40\)"):
        found = memory.learn(PATTERNS, epochs=200, rate=40.0)
    assert found.diverged
    assert len(found.energy) < 200
    assert all(np.isfinite(w).all() for w in found.memory.weights)
    states = found.memory.infer(PATTERNS)
    assert float(found.memory.network.energy(states).mean()) <= found.energy.min() * (1 + 1e-6)


@pytest.mark.parametrize("hidden", [8, (8, 5)])
@pytest.mark.parametrize("library", LIBRARIES)
def test_libraries_agree(library, hidden):
    plain, cue = taught(hidden), np.where(HALF, PATTERNS, 0.0)
    memory = plain.to(library)
    asked = to_library(cue, library)
    expected = plain.retrieve(cue, known=HALF, hold=True, tol=1e-12)
    found = memory.retrieve(asked, known=HALF, hold=True, tol=1e-12)
    assert type(found.state) is type(asked)
    np.testing.assert_allclose(to_numpy(found.state), expected.state, atol=1e-7)
    np.testing.assert_allclose(to_numpy(memory.recall(asked, known=HALF)), plain.recall(cue, known=HALF), atol=1e-9)
    gauss = CovarianceMemory(PATTERNS).to(library)
    same = CovarianceMemory(PATTERNS).retrieve(cue, known=HALF, hold=True).state
    np.testing.assert_allclose(to_numpy(gauss.retrieve(asked, known=HALF, hold=True).state), same, atol=1e-9)
    if library != "jax":
        again = PredictiveCodingMemory.from_patterns(to_library(PATTERNS, library), hidden, epochs=60, seed=1)
        np.testing.assert_allclose(to_numpy(again.weights[0]), plain.weights[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_narrow_types_stay_and_agree(dtype):
    for build in (lambda x: CovarianceMemory(x), lambda x: PredictiveCodingMemory.from_patterns(x, 8, epochs=20)):
        wide, memory = build(PATTERNS), build(PATTERNS.astype(dtype))
        cue = PATTERNS.astype(dtype)
        found = memory.retrieve(cue, known=HALF, hold=True)
        assert found.state.dtype == memory.recall(cue).dtype == dtype
        expected = wide.retrieve(PATTERNS, known=HALF, hold=True).state
        np.testing.assert_allclose(found.state.astype(float), expected, atol=3000 * epsilon(dtype) ** 0.75)


@pytest.mark.parametrize(
    "memory",
    [
        CovarianceMemory(CLOUD, form="implicit", ridge=0.01, tau_value=2.0),
        PredictiveCodingMemory.random((6, 5, 4), activation="swish", seed=1),
        PredictiveCodingMemory.from_patterns(PATTERNS, 4, epochs=3),
    ],
    ids=lambda memory: type(memory).__name__,
)
def test_a_file_gives_the_model_back(memory, tmp_path):
    path = memory.save(tmp_path / "memory")
    cue = RNG.normal(size=(2, 8 if isinstance(memory, CovarianceMemory) else memory.sizes[0]))
    for kind in (Model, type(memory)):
        back = kind.load(path)
        assert repr(back) == repr(memory)
        np.testing.assert_array_equal(back.recall(cue), memory.recall(cue))
    changed = memory.replace(**{"tau_value" if isinstance(memory, CovarianceMemory) else "tau": 3.0})
    np.testing.assert_array_equal(changed.recall(cue), memory.recall(cue))


def test_shapes_that_do_not_conform_are_named():
    W, V = np.ones((6, 4)), np.ones((5, 3))
    with pytest.raises(ValueError, match=r"weights\[1\] has shape \(5, 3\) and weights\[0\] \(6, 4\)"):
        PredictiveCodingMemory([W, V])
    with pytest.raises(ValueError, match=r"offsets\[1\] has shape \(3,\), but layer 1 has 4 neurons"):
        PredictiveCodingMemory([W], [np.ones(6), np.ones(3)])
    with pytest.raises(ValueError, match=r"memories have shape \(2, 5\), but weights\[0\] has shape \(6, 4\)"):
        PredictiveCodingMemory([W], memories=np.ones((2, 5)))
    with pytest.raises(ValueError, match=r"patterns have shape \(2, 5\), but weights\[0\] has shape \(6, 4\)"):
        PredictiveCodingMemory([W]).learn(np.ones((2, 5)))
    with pytest.raises(ValueError, match=r"Unknown activation 'tanhh'\. Did you mean 'tanh'"):
        PredictiveCodingMemory([W], activation="tanhh")
    with pytest.raises(ValueError, match="say which ones are known, known=mask"):
        PredictiveCodingMemory([W]).retrieve(np.ones(6), hold=True)
    with pytest.raises(ValueError, match=r"query has shape \(5,\) but must be \(\.\.\., 6\): layer 0 has 6 neurons"):
        PredictiveCodingMemory([W]).retrieve(np.ones(5))


def test_the_synapses_make_networks_of_ones_own():
    network = Network(
        {"x": Population(Quadratic(), 2, leak=0.0), "y": Population(Quadratic(), 1, leak=0.0)},
        [Prediction(("x", "y"), np.array([[1.0], [2.0]]), np.zeros(2), "identity"), Prior(("y",), np.ones(1))],
    )
    run = simulate(network, {"x": np.zeros(2), "y": np.zeros(1)}, t1=200.0, stop="steady")
    np.testing.assert_allclose(run.final["x"], [1.0, 2.0], atol=1e-4)


@pytest.mark.broad
@pytest.mark.skipif("jax" not in LIBRARIES, reason="needs JAX")
def test_recall_lives_under_jit_and_grad_and_retrieve_says_that_it_does_not():
    import jax

    memory = taught().to("jax")
    q = to_library(PATTERNS, "jax")
    found = jax.jit(lambda m, q: m.recall(q, known=HALF))(memory, q)
    np.testing.assert_allclose(to_numpy(found), to_numpy(memory.recall(q, known=HALF)), atol=1e-10)
    assert jax.grad(lambda q: memory.energy(q).sum())(q).shape == q.shape
    with pytest.raises(TypeError, match="retrieve looks at"):
        jax.jit(lambda q: memory.retrieve(q, known=HALF, hold=True).state)(q)
    with pytest.raises(TypeError, match="from_patterns looks at"):
        jax.jit(lambda x: PredictiveCodingMemory.from_patterns(x, 4).weights[0])(q)


@pytest.mark.slow
@pytest.mark.skipif("jax" not in LIBRARIES, reason="needs JAX")
def test_a_covariance_lives_under_jit_and_grad():
    import jax

    gauss, q = CovarianceMemory(PATTERNS).to("jax"), to_library(PATTERNS, "jax")
    found = jax.jit(lambda m, q: m.recall(q))(gauss, q)
    np.testing.assert_allclose(to_numpy(found), to_numpy(gauss.recall(q)), atol=1e-9)
    assert np.isfinite(to_numpy(jax.grad(lambda x: CovarianceMemory(x).recall(q).sum())(q))).all()
