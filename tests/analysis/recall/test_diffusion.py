"""Annealed retrieval is reverse diffusion: posterior means, DDIM steps, the probability flow, laws of samples."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import i0e, logsumexp, softmax

from helpers import LIBRARIES, to_library, to_numpy
from hopfield import ModernHopfield, Relaxation, UniversalHopfield, simulate
from hopfield.analysis import diffuse

ROWS = np.random.default_rng(0).normal(size=(7, 5))
X = np.random.default_rng(1).normal(size=(20, 5)) * 1.5


def memory(sigma=1.0, rows=ROWS, **settings):
    return UniversalHopfield(rows, "euclidean", beta=1 / (2 * sigma**2), tau_memory=0.0, **settings)


def posterior_mean(x, rows, sigma):
    """sum_i M_i N(x; M_i, sigma^2) / sum_i N(x; M_i, sigma^2), from densities alone."""
    logs = np.stack([-((x - row) ** 2).sum(-1) / (2 * sigma**2) for row in rows], axis=-1)
    return softmax(logs, axis=-1) @ rows


@pytest.mark.parametrize("sigma", [0.3, 1.0, 4.0])
def test_recall_is_the_posterior_mean(sigma):
    np.testing.assert_allclose(memory(sigma).recall(X), posterior_mean(X, ROWS, sigma), atol=1e-14)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 4.0])
def test_the_force_is_the_score_of_the_noisy_patterns(sigma):
    def log_density(x):
        return logsumexp(-((x[..., None, :] - ROWS) ** 2).sum(-1) / (2 * sigma**2), axis=-1)

    step = 1e-5 * np.eye(5)
    score = np.stack([(log_density(X + e) - log_density(X - e)) / 2e-5 for e in step], axis=-1)
    np.testing.assert_allclose(memory(sigma).recall(X), X + sigma**2 * score, atol=1e-8 * max(1, sigma**2))


@pytest.mark.parametrize("dt", [1e-3, 0.1, 2.0])
def test_a_step_of_relaxation_is_a_step_of_ddim(dt):
    sigma = 0.8
    run = simulate(memory(sigma), X, t1=dt, integrator=Relaxation(dt, order=1), save_at=[0.0, dt])
    assert run.statistics["steps"] == 1
    mean = posterior_mean(X, ROWS, sigma)
    noise = (X - mean) / sigma  # what DDIM calls the predicted noise
    np.testing.assert_allclose(run.final["value"], mean + sigma * np.exp(-2 * dt) * noise, atol=1e-14)


@pytest.mark.parametrize("library", LIBRARIES)
def test_to_diffuse_is_to_relax_while_beta_rises(library):
    found = diffuse(memory().to(library), to_library(X, library), sigma=2.0, end=0.05, steps=12)
    x, levels = X, np.geomspace(2.0, 0.05, 13)
    np.testing.assert_allclose(found.sigma, levels)
    for k in range(12):
        dt = np.log(levels[k] / levels[k + 1]) / 2  # sigma falls as exp(-2 t) with tau_value = 1
        np.testing.assert_allclose(to_numpy(found.path[k]), x, atol=1e-13)
        np.testing.assert_allclose(to_numpy(found.energy[k]), memory(levels[k]).energy(x), rtol=1e-12, atol=1e-12)
        run = simulate(memory(levels[k]), x, t1=dt, integrator=Relaxation(dt, order=1), save_at=[0.0, dt])
        x = run.final["value"]
    np.testing.assert_allclose(to_numpy(found.state), x, atol=1e-12)
    np.testing.assert_array_equal(found.pattern, memory(0.05).nearest(x))
    assert to_numpy(found.weight[-1]).min() > 0.99


def test_the_steps_tend_to_the_probability_flow():
    """dv/ds = sum_i p_i M_i - v with beta(s) = exp(2 s)/(2 sigma_0^2)."""
    x = X[:3]

    def flow(s, v):
        v = v.reshape(x.shape)
        return (posterior_mean(v, ROWS, 2.0 * np.exp(-s)) - v).ravel()

    exact = solve_ivp(flow, (0, np.log(20)), x.ravel(), rtol=1e-11, atol=1e-12).y[:, -1].reshape(x.shape)
    errors = [np.abs(diffuse(memory(), x, sigma=2.0, end=0.1, steps=n).state - exact).max() for n in (100, 200, 400)]
    assert errors[2] < 2e-2
    np.testing.assert_allclose([errors[0] / errors[1], errors[1] / errors[2]], 2, rtol=0.15)  # order 1


def test_one_pattern_is_denoised_as_its_law_says():
    one = memory(rows=np.array([[1.0, -2.0, 0.5]]))
    for stochastic in (False, True):
        found = diffuse(one, 20000, sigma=3.0, end=0.5, steps=5, stochastic=stochastic, seed=0)
        away = found.path - one.memories
        np.testing.assert_allclose(away.mean(axis=1), 0, atol=4 * 3.0 / np.sqrt(20000))
        variance = found.sigma[:, None] ** 2 * np.ones(3)
        np.testing.assert_allclose(away.var(axis=1), variance, rtol=4 * np.sqrt(2 / 20000))
        assert found.weight.min() == 1


def test_samples_go_to_all_patterns_as_their_symmetry_says():
    angles = 2 * np.pi * np.arange(5) / 5
    circle = memory(rows=np.stack([np.cos(angles), np.sin(angles)], axis=-1))
    for stochastic in (False, True):
        found = diffuse(circle, 5000, sigma=8.0, stochastic=stochastic, seed=1, steps=80)
        counts = np.bincount(found.pattern, minlength=5)
        assert np.abs(counts - 1000).max() < 4 * np.sqrt(5000 * 0.2 * 0.8)
        gap = np.linalg.norm(found.state - circle.memories[found.pattern], axis=-1)
        assert gap.max() < 6 * 8e-3


def test_the_same_seed_draws_the_same_noise():
    one, two = (diffuse(memory(), 3, sigma=2.0, stochastic=True, seed=4).path for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_many_patterns_on_a_circle_have_the_energy_of_the_circle():
    """R^2 + 1 - (1/beta) ln I0(2 beta R), of a uniform law on the circle."""
    radius, beta = np.linspace(0, 1.5, 40), 5.0
    exact = radius**2 + 1 - (np.log(i0e(2 * beta * radius)) + 2 * beta * radius) / beta
    errors = {}
    for count in (8, 32):
        angles = 2 * np.pi * np.arange(count) / count
        ring = UniversalHopfield(np.stack([np.cos(angles), np.sin(angles)], axis=-1), "euclidean", beta=beta)
        energy = ring.energy(radius[:, None] * [1.0, 0.0]) + np.log(count) / beta
        errors[count] = np.abs(energy - exact).max()
    assert errors[32] < 1e-12
    assert errors[8] > 1e-3


def test_own_weights_fall_where_the_collapse_is():
    """The mean weight of a sample's own pattern crosses 1/2 near t_C = ln(1 + 1/(n^(2/d) - 1))/2, sharper with d."""
    rng, shares = np.random.default_rng(0), {}
    for count, width in ((500, 8), (4000, 32)):
        rows = rng.standard_normal((count, width))
        collapse = 0.5 * np.log(1 + 1 / (count ** (2 / width) - 1))
        for part in (0.5, 1.0, 1.5):
            sigma = np.sqrt(np.expm1(2 * part * collapse))
            chosen = rng.integers(count, size=200)
            cues = rows[chosen] + sigma * rng.standard_normal((200, width))
            weights = memory(sigma, rows).memory_weights(cues)
            shares[width, part] = weights[np.arange(200), chosen].mean()
    assert shares[32, 0.5] > shares[8, 0.5] > 0.7
    assert shares[32, 1.5] < shares[8, 1.5] < 0.5
    assert 0.3 < shares[32, 1.0] < 0.7


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: diffuse(ModernHopfield(ROWS), X, sigma=1.0), ValueError, "needs the Euclidean similarity and softmax"),
        (lambda: diffuse(UniversalHopfield(ROWS, "euclidean", "max"), X, sigma=1.0), ValueError, "softmax"),
        (lambda: diffuse(UniversalHopfield(ROWS, "euclidean", leak=0.5), X, sigma=1.0), ValueError, "leak 0"),
        (lambda: diffuse(memory(bias=1.0), X, sigma=1.0), ValueError, "no bias"),
        (lambda: diffuse(memory(), X[:, :2], sigma=1.0), ValueError, "5"),
        (lambda: diffuse(memory(), X * np.nan, sigma=1.0), ValueError, "noise"),
        (lambda: diffuse(memory(), X, sigma=-1.0), ValueError, "sigma"),
        (lambda: diffuse(memory(), X, sigma=1.0, end=1.0), ValueError, "end must be less than sigma=1"),
        (lambda: diffuse(memory(), X, sigma=1.0, end=0.0), ValueError, "end"),
        (lambda: diffuse(memory(), X, sigma=1.0, steps=0), ValueError, "steps"),
        (lambda: diffuse(memory(), 0, sigma=1.0), ValueError, "noise"),
        (lambda: diffuse(3, X, sigma=1.0), TypeError, "memory must be a model"),
        (lambda: diffuse(memory(), X, sigma=1e200), ValueError, "between .* and .*squares are taken; got sigma=1e.200"),
        (lambda: diffuse(memory(), X, sigma=1e-200), ValueError, "squares are taken; got sigma=1e-200"),
        (lambda: diffuse(memory(), 10**5, sigma=1.0, steps=10**6), ValueError, "GiB of memory.*Take fewer steps"),
        (lambda: diffuse(memory(), 1e5 * X, sigma=2e-151, end=1e-151), ValueError, "too large for float64"),
    ],
)
def test_what_is_no_diffusion_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_narrow_numbers_are_denoised_as_wide_ones_are(dtype):
    narrow = UniversalHopfield(ROWS.astype(dtype), "euclidean")
    cues = X.astype(dtype)
    found = diffuse(narrow, cues, sigma=1.0, stochastic=True)
    assert found.state.dtype == np.float32  # half precision is summed in single
    wide = diffuse(UniversalHopfield(narrow.memories.astype(float), "euclidean"), cues, sigma=1.0, stochastic=True)
    np.testing.assert_allclose(found.path, wide.path, atol=1e-4)
    np.testing.assert_array_equal(found.pattern, wide.pattern)
