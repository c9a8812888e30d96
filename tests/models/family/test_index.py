"""An index of many patterns: what it looks at is enough, and what it says of the rest is true."""

from typing import Any

import numpy as np
import pytest

from helpers import epsilon
from hopfield.models import ModernHopfield, PatternIndex, UniversalHopfield
from hopfield.models.family import _shortlist
from hopfield.models.family._coarse import coarse


def stored(kind, rows=3000, width=40, seed=0):
    """Patterns with a few directions of large variance, in clusters, or without any order."""
    rng = np.random.default_rng(seed)
    if kind == "flat":
        return rng.standard_normal((rows, 6)) @ rng.standard_normal((6, width)) + 0.1 * rng.standard_normal(
            (rows, width)
        )
    if kind == "clusters":
        centres = rng.standard_normal((30, width))
        return centres[rng.integers(30, size=rows)] + 0.2 * rng.standard_normal((rows, width))
    return rng.standard_normal((rows, width)) + 3.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("square", [False, True])
@pytest.mark.parametrize("directions", [1, 7, 40])
@pytest.mark.parametrize("far", [0.0, 1e3])
def test_every_score_is_bounded(dtype, square, directions, far):
    m = (stored("random", 500) + far).astype(dtype)
    rng = np.random.default_rng(1)
    q = np.concatenate([m[:5], m[:5] + 0.1, rng.standard_normal((5, 40)), np.zeros((1, 40))]).astype(dtype)
    numbers = coarse(m, square, directions, 0)
    asked, shift, slack = numbers.asked(q)
    bound = (asked @ numbers.numbers.T).astype(float) + (shift + slack)[:, None]
    wide, given = m.astype(float), q.astype(float)
    scores = -((wide[None] - given[:, None]) ** 2).sum(-1) if square else given @ wide.T
    assert (bound >= scores).all()
    if directions == 40:  # and nothing is lost where nothing is left across
        np.testing.assert_allclose(bound, scores, atol=3 * slack.max())


CASES = [("euclidean", 2.0), ("dot", 0.5), ("cosine", 60.0)]


@pytest.mark.parametrize(("similarity", "beta"), CASES)
@pytest.mark.parametrize("kind", ["flat", "clusters", "random"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_bounds_hold_against_all_patterns(similarity, beta, kind, dtype):
    m = stored(kind).astype(dtype)
    q = (m[:60] + 0.1 * np.random.default_rng(1).standard_normal((60, 40))).reshape(3, 20, 40).astype(dtype)
    memory = UniversalHopfield(m, similarity, beta=beta, tau_memory=0.0)
    wide = UniversalHopfield(m.astype(float), similarity, beta=beta, tau_memory=0.0)
    whole, index = wide.recall(q.astype(float)), PatternIndex(memory)
    for missing in (0.3, 1e-3, 1e-9):
        found = index.recall(q, missing, most=3000)
        assert found.state.shape == q.shape
        assert found.state.dtype == q.dtype
        assert (found.missing <= missing).all()
        gap = np.linalg.norm(found.state - whole, axis=-1)
        rounding = 2000 * epsilon(dtype) * beta * (np.abs(m).max() ** 2 * 40 if similarity != "cosine" else 1.0)
        assert (gap <= found.error + rounding * np.abs(m).max()).all()
        assert (found.read >= 1).all()


def test_what_is_missing_is_what_the_others_weigh():
    m = stored("flat")
    memory, q = ModernHopfield(m, beta=0.2), m[:30] + 0.1
    f, left = memory.weights(q), []
    for i, one in enumerate(PatternIndex(memory, 4)._listed(q, 0.05, 1, len(m))):
        z = np.exp(0.2 * (m[one.rows] @ q[i]) - 0.2 * one.top).sum()
        left.append(1 - f[i, one.rows].sum())
        assert left[-1] <= one.unread / (z + one.unread) + 1e-12
        assert len(one.rows) < len(m)
    assert max(left) > 1e-6


@pytest.mark.parametrize(("similarity", "beta"), CASES)
def test_the_best_are_the_best_of_all(similarity, beta):
    m = stored("flat")
    m[90] = m[7]
    memory, q = UniversalHopfield(m, similarity, beta=beta, tau_memory=0.0), m[:20] + 0.05
    found, all_of_them = PatternIndex(memory).best(q, 4, missing=1e-6, most=3000), memory.best(q, 4)
    np.testing.assert_array_equal(found.patterns, all_of_them.patterns)
    true, ours = all_of_them.weights, found.weights
    assert (true <= ours * (1 + 1e-9)).all()
    assert (true >= ours * (1 - found.missing[:, None]) * (1 - 1e-9)).all()
    if similarity != "dot":
        assert found.patterns[7, :2].tolist() == [7, 90]  # of equals the lowest row
    assert PatternIndex(memory).best(q[0], 1, most=3000).patterns.shape == (1,)


def test_groups_that_list_too_much_are_parted(monkeypatch):
    m = stored("flat", 500)
    memory, q = UniversalHopfield(m, "euclidean", beta=0.05, tau_memory=0.0), m[:16] + 0.1
    whole = PatternIndex(memory).recall(q, most=500)
    monkeypatch.setattr(_shortlist, "PAIRS", 300)
    parted = PatternIndex(memory).recall(q, most=500)
    np.testing.assert_allclose(parted.state, whole.state, atol=1e-12)
    np.testing.assert_array_equal(parted.read, whole.read)


def test_few_are_looked_at_and_other_values_are_recalled():
    m = stored("flat", 4000)
    p = np.random.default_rng(2).standard_normal((4000, 3))
    memory, q = UniversalHopfield(m, "euclidean", beta=5.0, tau_memory=0.0, projection=p), m[:50] + 0.05
    found = PatternIndex(memory).recall(q)
    assert found.read.mean() < 100
    assert (np.linalg.norm(found.state - memory.recall(q), axis=-1) <= found.error + 1e-12).all()


def test_patterns_in_a_file_stay_there(tmp_path):
    m = stored("flat").astype("float32")
    np.save(tmp_path / "patterns.npy", m)
    mapped = np.load(tmp_path / "patterns.npy", mmap_mode="r")
    memory = UniversalHopfield(mapped, "euclidean", beta=2.0, tau_memory=0.0)
    found = PatternIndex(memory).recall(m[:5] + np.float32(0.1))
    assert (np.linalg.norm(found.state - memory.recall(m[:5] + np.float32(0.1)), axis=-1) <= found.error + 1e-4).all()


def test_what_is_not_proved_is_refused():
    m = stored("random", 5000)
    memory = ModernHopfield(m, beta=1e-3)
    index = PatternIndex(memory, 5)
    with pytest.raises(ValueError, match=r"The 1250 patterns looked at leave up to 0\.\d+ of the weights of query 0"):
        index.recall(m[:2])
    with pytest.raises(ValueError, match=r"The 20 patterns looked at leave up to"):
        index.recall(m[0], most=20)
    with pytest.raises(ValueError, match="it is not proved that the 3 best are among them"):
        PatternIndex(UniversalHopfield(stored("flat"), "euclidean", beta=1e5), 3).best(stored("flat")[0], 3, most=3)
    wrong: tuple[tuple[dict[str, Any], str], ...] = (
        ({"missing": 0}, "missing"),
        ({"missing": 1.0}, "missing"),
        ({"most": 0}, "most must be"),
    )
    for bad, said in wrong:
        with pytest.raises(ValueError, match=said):
            index.recall(m[0], **bad)
    with pytest.raises(ValueError, match="k must be"):
        index.best(m[0], 5001)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: np.eye(3), "PatternIndex is for a memory such as"),
        (lambda: UniversalHopfield(np.eye(3), "manhattan"), "not manhattan with softmax"),
        (lambda: UniversalHopfield(np.eye(3), "dot", "max"), "not dot with max"),
        (lambda: UniversalHopfield(np.eye(3), "normalised(euclidean)"), "not normalised"),
        (lambda: ModernHopfield(np.eye(3)).to("jax"), "works on NumPy"),
    ],
)
def test_other_memories_are_refused(made, said):
    if "NumPy" in said:
        pytest.importorskip("jax")
    with pytest.raises((TypeError, ValueError), match=said):
        PatternIndex(made())


def test_directions_are_a_number_of_values():
    with pytest.raises(ValueError, match="directions must be a whole number from 1 to 3"):
        PatternIndex(ModernHopfield(np.eye(3)), 4)
    assert repr(PatternIndex(ModernHopfield(np.eye(3)), 2)).startswith("PatternIndex(2 of 3 directions; ModernHopf")
    one = PatternIndex(ModernHopfield(np.array([[1.0, 2.0]])))
    assert one.recall(np.array([0.0, 1.0])).state.tolist() == [1.0, 2.0]
