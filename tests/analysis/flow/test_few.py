"""What the few patterns that take part at a state say of it: the eigenvalues, modes and steps of all of them."""

import numpy as np
import pytest

from hopfield.analysis import field, polish, spectrum
from hopfield.analysis.flow import _newton, around, around_zeros, few, flow_of, leading_few, leading_modes
from hopfield.dynamics import LogCosh
from hopfield.models import UniversalHopfield

COUNT, WIDTH = 120, 90
SETTINGS = {"plain": {}, "leak": {"leak": 0.7, "tau_value": 3.0}, "bias": {"leak": 1.3, "bias": 0.02}}


def memory_of(similarity, separation="softmax", **settings):
    """A memory of 120 patterns in general position."""
    rows = np.random.default_rng(0).normal(size=(COUNT, WIDTH)) / np.sqrt(WIDTH)
    beta = 60.0 if similarity == "euclidean" else 120.0
    return UniversalHopfield(rows, similarity, separation, beta=beta, **settings)


def between(memory, seed=1):
    """States near which one, two or three patterns have weight, and zeros among them."""
    rows, rng = memory.memories, np.random.default_rng(seed)
    sets = [rng.choice(COUNT, size, replace=False) for size in (1, 2, 2, 3)]
    begin = np.stack([rows[some].mean(axis=0) for some in sets]) + 1e-3 * rng.normal(size=(4, WIDTH))
    found = polish(field(memory), begin, method="krylov")
    return np.concatenate([begin, found.x[found.converged]])


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
def test_eigenvalues_and_modes_are_those_of_all_patterns(similarity, settings):
    memory = memory_of(similarity, **SETTINGS[settings])
    flow, seen = field(memory), 0
    x = between(memory)
    whole, vectors = np.linalg.eigh(flow.hessian(x))
    for part in few(flow, x):
        seen += len(part.at)
        r = part.weights.shape[1]
        size = np.abs(whole[part.at]).max()
        full = np.sort(np.concatenate([part.eigenvalues(), np.full((len(part.at), WIDTH - r), part.shift)], axis=1))
        np.testing.assert_allclose(full, whole[part.at], atol=3e-9 * size)
        values, modes = part.modes(1)
        np.testing.assert_allclose(values[:, 0], whole[part.at, 0], atol=3e-9 * size)
        apart = (whole[part.at, 1] - whole[part.at, 0]) > 1e-3 * size  # else the mode may be any of two
        assert apart.any()
        turned = np.abs(np.sum(modes[:, 0] * vectors[part.at, :, 0], axis=1))
        np.testing.assert_allclose(turned[apart], 1.0, atol=1e-9)
    assert seen == len(x)
    values, mode, known = leading_few(flow, x, 2)
    expected = np.linalg.eigvals(flow.velocity_jacobian(x)).real
    assert known.all()
    np.testing.assert_allclose(values, np.sort(expected, axis=1)[:, :-3:-1], atol=1e-8 * np.abs(expected).max())
    images = flow.jacobian_product(x, mode)
    np.testing.assert_allclose(images, values[:, :1] * mode, atol=1e-7 * np.abs(expected).max())


@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
def test_spectra_by_few_patterns_are_those_of_matrices(similarity):
    memory = memory_of(similarity)
    x = between(memory)
    dense, low = (spectrum(memory, x, 4, method) for method in ("dense", "low rank"))
    assert low.how == "low rank"
    np.testing.assert_array_equal(low.index, dense.index)
    np.testing.assert_allclose(low.eigenvalues, dense.eigenvalues, atol=1e-8 * dense.largest.max())
    assert set(dense.index) >= {0, 1}


@pytest.mark.parametrize("accuracy", [1e-9, 1e-4, 1e-2])
@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
def test_what_is_left_out_changes_no_more_than_is_said(similarity, accuracy):
    memory = memory_of(similarity)
    flow = field(memory)
    x = between(memory)
    left = 0.0
    for part in few(flow, x, COUNT, accuracy):
        f = part.weights
        core = part.gain * (f[..., None] * np.eye(f.shape[1]) - f[..., None] * f[:, None])
        matrix = part.shift * np.eye(WIDTH) - np.swapaxes(part.columns, 1, 2) @ core @ part.columns
        gap = np.linalg.norm(matrix - flow.hessian(x[part.at]), ord=2, axis=(1, 2))
        assert (gap <= part.lost + 1e-12 * part.shift).all()
        assert (part.lost <= accuracy * part.shift).all()
        left = max(left, gap.max())
    assert left > 0


@pytest.mark.parametrize(
    ("similarity", "separation", "settings"),
    [
        ("cosine", "softmax", {}),
        ("dot", "sparsemax", {}),
        ("manhattan", "softmax", {}),
        ("dot", "softmax", {"value_lagrangian": LogCosh()}),
    ],
)
def test_elsewhere_nothing_is_known_by_few_patterns(similarity, separation, settings):
    flow = field(memory_of(similarity, separation, **settings))
    x = np.asarray(flow.patterns)[:2].copy()
    assert not list(few(flow, x))
    assert not list(around_zeros(flow, x))
    assert not leading_few(flow, x)[2].any()
    assert around(flow, x, np.zeros((2, 1), int), np.ones((2, 1), bool)) is None


def test_a_mode_that_is_none_is_not_known():
    """The whole Jacobian has the last word: with wrong patterns in the cache no mode passes."""
    memory = memory_of("dot")
    flow, x = field(memory), between(memory)[1:3]
    assert leading_few(flow, x)[2].all()
    rows, reach = flow.cache["few"]
    flow.cache["few"] = rows + 0.01 * np.random.default_rng(2).normal(size=rows.shape), reach
    assert not leading_few(flow, x)[2].any()


@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
def test_leading_modes_by_few_patterns_and_by_iterations(similarity, monkeypatch):
    monkeypatch.setattr("hopfield.analysis.flow._descent.DENSE", 8)
    memory = memory_of(similarity)
    flow, x = flow_of(memory), between(memory)
    x = x[int(np.flatnonzero(spectrum(memory, x).index == 1)[0])]
    found = leading_modes(flow, x, 1)
    monkeypatch.setattr("hopfield.analysis.flow._few.SMALL", 10**9)
    other = leading_modes(flow, x, 1)
    np.testing.assert_allclose(found.values, other.values, atol=1e-8)
    np.testing.assert_allclose(np.abs(found.vectors[:, 0] @ other.vectors[:, 0]), 1.0, atol=1e-8)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
def test_newton_steps_solve_the_equations_of_all_patterns(similarity, settings):
    memory = memory_of(similarity, **SETTINGS[settings])
    flow, x = field(memory), between(memory)
    rng = np.random.default_rng(3)
    b, u = rng.normal(size=(2, *x.shape))
    matrix = flow.hessian(x)
    for part in few(flow, x):
        y, wrong, image = part.newton(b[part.at], u[part.at])
        exact = np.linalg.solve(matrix[part.at], b[part.at][..., None])[..., 0]
        np.testing.assert_allclose(y, exact, atol=1e-7 * np.abs(exact).max())
        left = np.linalg.norm(b[part.at] - (matrix[part.at] @ y[..., None])[..., 0], axis=1)
        assert (left <= wrong + part.lost * np.linalg.norm(y, axis=1) + 1e-11 * np.linalg.norm(y, axis=1)).all()
        np.testing.assert_allclose(image, np.linalg.norm((matrix[part.at] @ u[part.at][..., None])[..., 0], axis=1))


@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
def test_newton_by_few_patterns_reaches_the_zeros_of_products(similarity, monkeypatch):
    memory = memory_of(similarity)
    rows, rng = memory.memories, np.random.default_rng(4)
    begin = np.stack([rows[rng.choice(COUNT, 2, replace=False)].mean(axis=0) for _ in range(40)])
    steps, products = [], _newton._krylov_step

    def counted(flow, x, *others):
        steps.append(len(x))
        return products(flow, x, *others)

    monkeypatch.setattr(_newton, "_krylov_step", counted)
    few_ = polish(memory, begin)
    fallen = sum(steps)
    all_ = polish(memory, begin, method="krylov")
    assert fallen < 0.1 * sum(steps)  # nearly every step was one by few patterns
    assert few_.converged.sum() > 20
    np.testing.assert_array_equal(few_.converged, all_.converged)
    both = few_.converged
    np.testing.assert_allclose(few_.x[both], all_.x[both], atol=1e-8)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
def test_the_flow_of_few_patterns_is_that_of_all(similarity, settings):
    memory = memory_of(similarity, **SETTINGS[settings])
    flow = field(memory)
    zeros = between(memory)[4:]
    for at, near in around_zeros(flow, zeros):
        a = 0.05 * np.random.default_rng(5).normal(size=(len(at), 3, near.members.shape[1]))
        a = np.where(np.isneginf(near.logs)[:, None], 0.0, a)
        x = near.lifted(a)
        few_ = near.shares(flow, x).sum(axis=-1) > 1 - 1e-9
        assert few_.any()
        moved = near.velocity(a) @ near.columns
        np.testing.assert_allclose(moved[few_], flow.velocity(x)[few_], atol=1e-7)
        rise = flow.energy(x) - flow.energy(near.base)[:, None]
        np.testing.assert_allclose(near.heights(a)[few_], rise[few_], atol=1e-7)
        np.testing.assert_allclose(near.length(a), np.linalg.norm(x - near.base[:, None], axis=-1), atol=1e-9)
