"""Loops that numba compiles: the same answers with and without it, whatever the sizes, and nothing lost of NaN."""

import numpy as np
import pytest

from hopfield.dynamics import kernels
from hopfield.dynamics.kernels import _city_blocks, _exponentials, _flips, _median, _ready
from hopfield.models import ClassicalHopfield, Manhattan, UniversalHopfield

pytest.importorskip("numba")
from hopfield.dynamics.kernels import _signs, _tiles  # which import numba


@pytest.fixture
def always(monkeypatch):
    """Compiled loops for small jobs too."""
    for module in (_city_blocks, _exponentials, _median, _flips):
        monkeypatch.setattr(module, "LEAST", 0)


def without(monkeypatch, call):
    """The answer as if numba were not installed."""
    with monkeypatch.context() as patch:
        patch.setenv("HOPFIELD_NUMBA", "0")
        return call()


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 7), (4, 8, 16), (7, 13, 33), (2, 4, 100)])
def test_city_blocks_are_sums_of_gaps(always, rng, dtype, shape):
    queries, count, width = shape
    x, m = rng.standard_normal((queries, width)).astype(dtype), rng.standard_normal((count, width)).astype(dtype)
    found = kernels.city_blocks(x, m)
    exact = np.abs(x[:, None].astype(np.longdouble) - m[None]).sum(-1)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, exact.astype(float), rtol=4 * width * np.finfo(dtype).eps, atol=0)


def test_the_gap_of_a_pattern_from_itself_is_exactly_0(always, rng, dtype):
    m = rng.standard_normal((9, 50)).astype(dtype)
    assert (np.diagonal(kernels.city_blocks(m, m)) == 0).all()


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_what_is_no_number_stays_so(always, rng, dtype, odd):
    x, m = rng.random((3, 40)).astype(dtype), rng.random((6, 40)).astype(dtype)
    x[1, 0], m[4, 7] = odd, odd
    found = kernels.city_blocks(x, m)
    touched = np.zeros((3, 6), bool)
    touched[1], touched[:, 4] = True, True
    same = np.isnan if np.isnan(odd) else np.isposinf
    np.testing.assert_array_equal(same(found), touched)


@pytest.mark.parametrize("width", [5, 16, 70])
def test_a_distance_does_not_depend_on_what_is_asked_beside_it(always, rng, dtype, width):
    x, m = rng.standard_normal((11, width)).astype(dtype), rng.standard_normal((39, width)).astype(dtype)
    together = kernels.city_blocks(x, m)
    alone = [[kernels.city_blocks(q[None], one[None])[0, 0] for one in m] for q in x]
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together[:6, 3:], kernels.city_blocks(x[:6], m[3:]))


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 7, 3), (9, 30, 50), (17, 33, 64)])
def test_signed_sums_are_the_derivative_of_distances(always, rng, dtype, shape):
    queries, count, width = shape
    x, m = (rng.integers(0, 4, (n, width)).astype(dtype) for n in (queries, count))  # with signs of 0
    f = rng.standard_normal((queries, count)).astype(dtype)
    found = kernels.signed_sums(x, m, f)
    exact = np.einsum("bn,bnk->bk", f.astype(float), np.sign(x[:, None] - m[None]).astype(float))
    assert found.dtype == dtype
    assert (np.abs(found - exact) <= count * np.finfo(dtype).eps * np.abs(f).sum(axis=1, keepdims=True)).all()
    for odd in (np.nan, np.inf):  # what they meet a sign of 0 with is no number either
        f[0, 0] = odd
        again = kernels.signed_sums(x, m, f)
        assert np.isnan(again[0]).all()
        np.testing.assert_array_equal(again[1:], found[1:])


@pytest.mark.parametrize(("rows", "queries", "bits"), [(4, 2, 256), (4, 4, 512), (2, 1, 128)])
def test_tiles_for_processors_of_each_width(rng, dtype, rows, queries, bits):
    """Those of other processors are compiled for this one as well."""
    import numba

    filled, signed = _tiles.tile(rows, queries, bits), _signs.strip(queries, bits)

    @numba.njit
    def run(m, x, found):
        filled(m, x, found, 1, 2)

    @numba.njit
    def run_signs(x, m, f, found):
        signed(x, m, f, found, 1, 3)

    x, m = rng.standard_normal((queries + 3, 85)).astype(dtype), rng.standard_normal((rows + 2, 85)).astype(dtype)
    found = np.full((queries + 3, rows + 2), -1, dtype)
    run(m, x, found)
    exact = np.abs(x[:, None].astype(float) - m[None].astype(float)).sum(-1)
    there = np.zeros(found.shape, bool)
    there[2 : 2 + queries, 1 : 1 + rows] = True
    np.testing.assert_allclose(found[there], exact[there], rtol=4 * 85 * np.finfo(dtype).eps)
    assert (found[~there] == -1).all()
    f, sums, lanes = rng.standard_normal((len(x), len(m))).astype(dtype), np.full(x.shape, -9, dtype), bits // 8
    run_signs(x, m, f, sums)
    there = np.zeros(x.shape, bool)
    there[1 : 1 + queries, 3 : 3 + lanes // x.itemsize] = True
    exact = np.einsum("bn,bnk->bk", f, np.sign(x[:, None] - m[None]))
    np.testing.assert_allclose(sums[there], exact[there], atol=len(m) * 4 * np.finfo(dtype).eps)
    assert (sums[~there] == -9).all()


def test_threads_change_no_bit(always, monkeypatch, rng):
    x, m = rng.random((5, 30)), rng.random((103, 30))
    alone = kernels.city_blocks(x, m)
    monkeypatch.setattr(_ready, "EACH", 1)
    monkeypatch.setattr(_ready, "processors", lambda: 3)
    np.testing.assert_array_equal(kernels.city_blocks(x, m), alone)


def test_small_jobs_and_other_types_are_left_to_others(monkeypatch):
    x = np.ones((2, 3))
    assert kernels.compiled_loops(1, 2, x) is None
    assert kernels.compiled_loops(2, 2, x) is not None
    assert kernels.compiled_loops(2, 2, x, x.astype("float32")) is None
    assert kernels.compiled_loops(2, 2, x.astype(np.longdouble)) is None
    monkeypatch.setenv("HOPFIELD_NUMBA", "0")
    assert kernels.compiled_loops(2, 2, x) is None


@pytest.mark.parametrize("ratio", [None, 0.3])
@pytest.mark.parametrize("leak", [0.0, 0.5])
@pytest.mark.parametrize("driven", [False, True])
def test_the_median_is_that_of_numpy(always, monkeypatch, rng, dtype, ratio, leak, driven):
    m = rng.integers(0, 5, (40, 30)).astype(dtype)  # with ties
    v, f = rng.normal(2, 2, (6, 30)).astype(dtype), rng.dirichlet(np.ones(40), 6).astype(dtype)
    f[0] = 0
    f[0, 7] = 1  # one memory has it all
    f[1] = 0  # and none has anything
    drive = rng.normal(0, 0.1, 30).astype(dtype) if driven else None
    similarity = Manhattan(m)

    def step():
        return similarity.value_step(v, f, ratio=ratio, leak=leak, drive=drive)

    found, plain = step(), without(monkeypatch, step)
    assert found.dtype == dtype
    finite = np.isfinite(plain)
    np.testing.assert_array_equal(found[~finite], plain[~finite])
    eps = np.finfo(dtype).eps
    gap = np.abs(found[finite] - plain[finite])
    assert (gap <= 16 * eps * (1 + np.abs(plain[finite]))).all()


def test_the_median_of_random_weights_agrees_to_the_last_bits(always, monkeypatch, rng):
    m, f = rng.random((300, 50)), rng.dirichlet(np.ones(300), 4)
    similarity, v = Manhattan(m), rng.random((4, 50))
    found = similarity.value_step(v, f, ratio=None)
    plain = without(monkeypatch, lambda: similarity.value_step(v, f, ratio=None))
    assert np.abs(found - plain).max() <= 4e-16


def test_weights_below_0_have_no_compiled_step(always, monkeypatch, rng):
    m, f = rng.random((30, 8)), rng.standard_normal((2, 30))
    similarity, v = Manhattan(m), rng.random((2, 8))
    found = similarity.value_step(v, f, ratio=0.2)
    np.testing.assert_array_equal(found, without(monkeypatch, lambda: similarity.value_step(v, f, ratio=0.2)))


@pytest.mark.parametrize("held", [False, True])
def test_sign_rule_flips_the_same_neurons(always, monkeypatch, rng, held):
    m = rng.choice([-1.0, 1.0], size=(8, 60))
    memory, cues = ClassicalHopfield(m), m * np.where(rng.random(m.shape) < 0.3, -1, 1)
    known = np.arange(60) < 20

    def retrieve():
        return memory.retrieve(cues, seed=3, **({"known": known, "hold": True} if held else {}))

    found, plain = retrieve(), without(monkeypatch, retrieve)
    for one, other in zip(found, plain, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not held or (found.state[:, known] == cues[:, known]).all()


def test_heat_bath_draws_the_same_states(always, monkeypatch, rng):
    m = rng.choice([-1.0, 1.0], size=(3, 80)).astype("float32")
    memory = ClassicalHopfield(m, bias=0.1)

    def run():
        return memory.glauber(m, 0.7, sweeps=30, seed=5)

    found, plain = run(), without(monkeypatch, run)
    np.testing.assert_array_equal(found.state, plain.state)
    np.testing.assert_array_equal(found.flips, plain.flips)
    assert found.flips.min() > 0


def test_a_memory_answers_alike_with_and_without(always, monkeypatch, rng, dtype):
    m = rng.random((50, 40)).astype(dtype)
    memory = UniversalHopfield(m, "manhattan", "softmax", beta=4.0)
    cue = (m[:5] + 0.05 * rng.standard_normal((5, 40))).astype(dtype)
    found, plain = memory.retrieve(cue), without(monkeypatch, lambda: memory.retrieve(cue))
    np.testing.assert_array_equal(found.state, plain.state)
    np.testing.assert_array_equal(found.pattern, [0, 1, 2, 3, 4])
    np.testing.assert_allclose(found.energy, plain.energy, rtol=200 * np.finfo(dtype).eps)


LAYOUTS = ["C", "F"]  # a sample's scores beside each other, or those of a memory


def exponentials(h, beta, top=None):
    """What the loop writes over a copy of scores, the largest of them and `top`, and the sums."""
    e = h.copy(order="K")
    found = kernels.exponentials(e, beta, top, 1.0)
    assert found is not None
    return e, *found


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (5, 64), (2, 1001), (8, 1), (19, 300), (64, 129)])
@pytest.mark.parametrize("beta", [1.0, 0.37])
def test_exponentials_of_gaps(always, rng, shape, beta, layout):
    h = np.asarray((40 * rng.standard_normal(shape)).astype("float32"), order=layout)
    found, top, total = exponentials(h, beta)
    np.testing.assert_array_equal(top, h.max(axis=1, keepdims=True))
    gap = np.float32(beta) * (h.astype(float) - top)
    eps = float(np.finfo("float32").eps)
    exact = np.exp(np.maximum(gap, 3 * np.log(eps)))
    assert (np.abs(found - exact) <= (3 + 2 * np.abs(gap)) * eps * exact).all()  # h - top and beta times it are rounded
    assert (found.max(axis=1) == 1).all()
    np.testing.assert_allclose(total[:, 0], found.astype(float).sum(axis=1), rtol=20 * eps)
    higher = top + np.float32(3)
    found, kept, _ = exponentials(h, beta, higher)
    np.testing.assert_array_equal(kept, higher)
    assert found.max() <= np.exp(-3 * beta) * (1 + 8 * eps)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_exponentials_are_off_by_three_units_at_most(always, layout):
    gaps = np.linspace(-47, 0, 5000, dtype="float32")
    found = exponentials(np.asarray(np.stack([gaps] * 9), order=layout), 1.0)[0]  # whose gaps are exact
    rounding = 3 * float(np.finfo("float32").eps)
    np.testing.assert_allclose(found, np.exp(np.stack([gaps] * 9).astype(float)), rtol=rounding)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_exponentials_of_what_is_no_number(always, layout):
    """As NumPy has it: a row with NaN or with an infinite largest score has no sum."""
    h = np.zeros((9, 5), "float32")
    h[1, 2], h[2, 3], h[3, 0], h[4] = np.nan, np.inf, -np.inf, -np.inf
    h = np.asarray(h, order=layout)
    found, _, total = exponentials(h, 1.0)
    with np.errstate(all="ignore"):
        plain = np.exp(np.maximum(h - h.max(axis=1, keepdims=True), np.float32(3 * np.log(np.finfo("float32").eps))))
    np.testing.assert_array_equal(np.isnan(total[:, 0]), np.isnan(plain.sum(axis=1)))
    assert np.isnan(total[[1, 2, 4], 0]).all()
    rest = ~np.isnan(total[:, 0])
    np.testing.assert_allclose(found[rest], plain[rest], rtol=1e-6)


def test_exponentials_of_other_types_are_left_to_numpy(always):
    h = np.zeros((9, 4), "float32")
    assert kernels.exponentials(h.astype(float), 1.0, None, 1.0) is None
    assert kernels.exponentials(h[:, ::2], 1.0, None, 1.0) is None
    assert not kernels.side_by_side(h.astype(float), 1.0)
    assert not kernels.side_by_side(h[:2], 1.0)
    assert kernels.side_by_side(h, 1.0)


def test_whether_there_are_loops_depends_on_the_job_alone():
    x = np.ones((2, 3))
    assert kernels.compiled_loops(2, 3, x) is None
    assert kernels.compiled_loops(2, 1, x) is not None
    assert kernels.compiled_loops(2, 3, x) is None  # though they are loaded now


def test_recall_is_the_same_with_and_without(monkeypatch, rng):
    m = rng.standard_normal((5000, 32)).astype("float32")
    memory, q = UniversalHopfield(m, beta=0.7, tau_memory=0.0), m[:64] + np.float32(0.2)
    seen = []
    monkeypatch.setattr(
        "hopfield.dynamics.lagrangians._merging.exponentials",
        lambda *a: seen.append(kernels.exponentials(*a)) or seen[-1],
    )
    found = memory.recall(q)
    assert seen[0] is not None
    np.testing.assert_allclose(found, without(monkeypatch, lambda: memory.recall(q)), atol=2e-5)
    assert seen[-1] is None
