"""What the analysis computes once: one matrix, one model of a branch, one thread of BLAS; the answers are the same."""

import numpy as np
import pytest

from helpers import IN_EACH, to_library, to_numpy
from hopfield.analysis import basins_of_attraction, continue_fixed_points, field, find_fixed_points, polish, spectrum
from hopfield.analysis.fixed_points._search import beside, clusters
from hopfield.analysis.flow import one_thread
from hopfield.dynamics import LogCosh, LogSumExp, Network, structure
from hopfield.models import Dot, ModernHopfield, UniversalHopfield

THREADS = pytest.importorskip("threadpoolctl")


@structure
class ByProducts(Dot):
    """Dot, which does not say its Gram matrix."""

    def gram(self, g, w):
        """Products must do."""
        return None


def unit_rows(count, width, seed=0):
    """Random patterns of length one."""
    rows = np.random.default_rng(seed).standard_normal((count, width))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def by_columns(product, x, size):
    """The matrix (..., D, D) of a product at states (..., D), a column for every unit vector."""
    wide = np.broadcast_to(x[..., None, :], (*x.shape, size))
    return np.swapaxes(product(wide, np.broadcast_to(np.eye(size), wide.shape)), -1, -2)


# ------------------------------------------------------------------------------------------------- one matrix


KINDS = [
    ("dot", "softmax"),
    ("dot", "sparsemax"),
    ("dot", "polynomial(3)"),
    ("euclidean", "softmax"),
    ("euclidean", "sparsemax"),
    ("cosine", "softmax"),
    ("cosine", "identity"),
    ("kl", "softmax"),
]
SETTINGS = {
    "plain": {},
    "leak": {"leak": 0.7, "tau_value": 3.0},
    "logcosh": {"value_lagrangian": LogCosh()},
    "shares": {"value_lagrangian": LogSumExp()},
}


@pytest.mark.parametrize(
    ("similarity", "separation", "settings"),
    [(*kind, name) for kind in KINDS for name in SETTINGS if (kind[0], name) != ("kl", "logcosh")],  # of logarithms
)
@pytest.mark.filterwarnings("ignore:UniversalHopfield")
def test_jacobian_and_hessian_are_the_matrices_of_their_products(similarity, separation, settings):
    rng = np.random.default_rng(0)
    patterns = rng.uniform(0.1, 1, (5, 4))
    flow = field(UniversalHopfield(patterns, similarity, separation, beta=2.0, **SETTINGS[settings]))
    for x in (rng.uniform(0.1, 1, (3, 4)), rng.uniform(0.1, 1, (2, 3, 4)), rng.uniform(0.1, 1, 4)):
        for matrix, product in (("jacobian", "residual_product"), ("velocity_jacobian", "jacobian_product")):
            columns = by_columns(getattr(flow, product), x, 4)
            error = np.abs(getattr(flow, matrix)(x) - columns).max()
            assert error <= 64 * np.finfo(float).eps * np.abs(columns).max()
        if flow.symmetric:
            columns = by_columns(flow.hessian_product, x, 4)
            assert np.abs(flow.hessian(x) - columns).max() <= 64 * np.finfo(float).eps * np.abs(columns).max()


def test_jacobian_of_several_populations_is_the_matrix_of_its_products():
    flow = field(UniversalHopfield(unit_rows(5, 4), "euclidean", beta=2.0, tau_memory=0.5, bias=0.2).network)
    x = np.random.default_rng(0).standard_normal((3, flow.size))
    columns = by_columns(flow.jacobian_product, x, flow.size)
    assert np.abs(flow.velocity_jacobian(x) - columns).max() <= 64 * np.finfo(float).eps * np.abs(columns).max()


@IN_EACH
def test_jacobian_is_the_same_in_each_library(library, dtype):
    rows = unit_rows(5, 4).astype(dtype)
    x = np.random.default_rng(0).uniform(0.1, 1, (3, 4)).astype(dtype)
    flow = field(UniversalHopfield(to_library(rows, library), "euclidean", beta=2.0))
    exact = field(UniversalHopfield(rows.astype(float), "euclidean", beta=2.0)).jacobian(x.astype(float))
    found = to_numpy(flow.jacobian(to_library(x, library)))
    assert found.dtype == dtype
    assert np.abs(found - exact).max() <= 256 * np.finfo(dtype).eps * np.abs(exact).max()


def test_a_census_with_the_gram_matrix_is_the_one_by_products():
    rows = unit_rows(6, 8)
    ours = find_fixed_points(UniversalHopfield(rows, Dot(), "softmax", beta=30.0))
    theirs = find_fixed_points(UniversalHopfield(rows, ByProducts(), "softmax", beta=30.0))
    gaps = np.linalg.norm(ours.state[:, None] - theirs.state, axis=-1)
    same = gaps.argmin(axis=1)
    assert len(ours) == len(theirs) == 19
    assert gaps.min(axis=1).max() <= 1e-9
    assert sorted(same) == list(range(len(theirs)))
    assert (ours.index == theirs.index[same]).all()
    assert (ours.kind == theirs.kind[same]).all()
    assert np.abs(ours.eigenvalues - theirs.eigenvalues[same]).max() <= 1e-9


def test_eigenvalues_of_a_census_are_those_of_its_points():
    memory = ModernHopfield(unit_rows(6, 8), beta=9.0)
    found = find_fixed_points(memory, eigenvalues=3)
    again = spectrum(memory, found.state, 3)
    assert (found.index == again.index).all()
    assert np.abs(found.eigenvalues - again.eigenvalues).max() <= 1e-12


# --------------------------------------------------------------------------------------------------- known points


@pytest.mark.parametrize("seed", range(5))
def test_new_points_beside_known_ones_are_labelled_as_among_all(seed):
    rng = np.random.default_rng(seed)
    known = rng.uniform(0, 3, (40, 2))
    new = np.concatenate([known[:10] + 0.05 * rng.standard_normal((10, 2)), rng.uniform(0, 3, (20, 2))])
    near = beside(known, new, 0.1)
    label, first = clusters(np.concatenate([known[near], new]), 0.1, len(near))
    whole, all_first = clusters(np.concatenate([known, new]), 0.1, len(known))
    fresh = len(known) + np.arange(len(first) - len(near))
    assert 0 < len(near) < len(known)
    assert (np.concatenate([near, fresh])[label] == whole).all()
    assert (first[len(near) :] - len(near) == all_first[len(known) :] - len(known)).all()


def test_newton_is_repelled_as_the_product_of_all_zeros_says():
    memory = ModernHopfield(unit_rows(4, 6), beta=8.0)
    away = find_fixed_points(memory).state
    starts = np.concatenate([away + 1e-5, away + 0.3])
    flow = field(memory)
    once = polish(memory, starts, steps=1, clip=1e9, away=away)  # the best of the start and of one step
    r, matrix = flow.residual(starts), flow.jacobian(starts)
    dx = np.linalg.solve(-matrix, r[..., None])[..., 0]
    gap = starts[:, None] - away
    square = (gap**2).sum(axis=-1)
    slope = -2 * flow.scale**2 * (gap * dx[:, None]).sum(axis=-1) / (square * (square + flow.scale**2))
    there = starts + dx / (1 - slope.sum(axis=-1))[:, None]
    size, after = (np.linalg.norm(flow.residual(x), axis=-1) for x in (starts, there))
    moved = after < size
    assert moved.any()
    expected = np.where(moved[:, None], there, starts)
    assert np.abs(once.x - expected)[~once.converged].max() <= 1e-9


def test_a_slow_passage_is_no_zero_however_large_beta_is():
    rows = np.random.default_rng(0).choice([-1.0, 1.0], (3, 8))
    kinds = [sorted(find_fixed_points(ModernHopfield(rows, beta=beta)).kind) for beta in (1e4, 1e8, 1e9)]
    assert kinds == [["memory"] * 3 + ["saddle(1)"] * 2] * 3


# ------------------------------------------------------------------------------------------------------ one model


def built(monkeypatch, kinds):
    """A list that grows by a name whenever something of these kinds is made."""
    made = []
    for kind in kinds:
        init = kind.__post_init__

        def noted(self, *, init=init, name=kind.__name__):
            made.append(name)
            init(self)

        monkeypatch.setattr(kind, "__post_init__", noted)
    return made


@pytest.mark.parametrize("shape", [(5, 20), (5, 6)], ids=["in the span", "whole"])
def test_a_branch_is_followed_with_three_models(shape, monkeypatch):
    rows = unit_rows(*shape)
    memory = ModernHopfield(rows, beta=8.0)
    made = built(monkeypatch, [ModernHopfield, Network])
    found = continue_fixed_points(memory, "beta", 4.0, 30.0, queries=rows[:1])
    assert len(found.branches[0].parameter) > 20
    assert made.count("ModernHopfield") <= 3
    assert made.count("Network") <= 3


@pytest.mark.parametrize(
    ("similarity", "name", "low", "high"),
    [
        ("dot", "beta", 3.0, 9.0),
        pytest.param("euclidean", "beta", 2.0, 6.0, marks=pytest.mark.slow),
        pytest.param("cosine", "beta", 4.0, 9.0, marks=pytest.mark.slow),
        ("dot", "tau_value", 0.5, 2.0),
        pytest.param("dot", "bias", -0.05, 0.05, marks=pytest.mark.slow),
        pytest.param(
            "dot", "leak", 0.8, 1.2, marks=pytest.mark.slow
        ),  # which is part of the program, and no number in it
    ],
)
def test_branches_of_a_number_are_those_of_a_model_for_each_value(similarity, name, low, high):
    rows = unit_rows(3, 5)
    settings = {"beta": 8.0, "tau_memory": 0.0}
    memory = UniversalHopfield(rows, similarity, **settings, **({"leak": 1.0} if name == "leak" else {}))
    ours = continue_fixed_points(memory, name, low, high, queries=rows, step=0.1)
    theirs = continue_fixed_points(
        lambda p: UniversalHopfield(rows, similarity, **{**settings, name: p}), name, low, high, queries=rows, step=0.1
    )
    assert len(ours.branches) == len(theirs.branches) > 0
    for one, other in zip(ours.branches, theirs.branches, strict=True):
        assert len(one.parameter) == len(other.parameter)
        assert np.abs(one.parameter - other.parameter).max() <= 1e-6 * high
        assert np.abs(one.state - other.state).max() <= 1e-6
        assert (one.index == other.index).all()
        assert np.abs(one.energy - other.energy).max() <= 1e-6


# ----------------------------------------------------------------------------------------------------- one thread


def threads():
    """How many each BLAS library uses."""
    return [found["num_threads"] for found in THREADS.threadpool_info() if found["user_api"] == "blas"]


def test_threads_of_blas_are_given_back():
    with THREADS.threadpool_limits(2, "blas"):
        before = threads()
        with one_thread(8):
            assert set(threads()) == {1}
            with one_thread(8):
                pass
            assert set(threads()) == {1}
        assert threads() == before
        with pytest.raises(RuntimeError), one_thread(8):
            raise RuntimeError
        assert threads() == before
        with one_thread(10**6):
            assert threads() == before


# ---------------------------------------------------------------------------------------------- nothing to find


@pytest.mark.parametrize("leak", [0.5])
def test_a_leak_beside_directions_is_refused(leak):
    rows = unit_rows(3, 5)
    memory = UniversalHopfield(rows, "cosine", beta=6.0, leak=leak)
    for call in (
        lambda: find_fixed_points(memory),
        lambda: find_fixed_points(memory, rows),
        lambda: find_fixed_points(memory.network),
        lambda: basins_of_attraction(memory, rows),
        lambda: basins_of_attraction(memory, rows, dynamics="network"),
        lambda: basins_of_attraction(memory, rows, dynamics="map"),
        lambda: continue_fixed_points(memory, "beta", 4.0, 8.0),
    ):
        with pytest.raises(ValueError, match="Use leak=0, where the fixed points are rays, or give a bias"):
            call()
    driven = UniversalHopfield(rows, "cosine", beta=6.0, leak=leak, bias=np.ones(5))
    assert (find_fixed_points(driven).index == 0).any()
