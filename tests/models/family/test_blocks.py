"""Answers put together from blocks of patterns: the same as those from all scores at once, in little room."""

import tracemalloc
import warnings

import numpy as np
import pytest

from helpers import epsilon, to_library, to_numpy
from hopfield import simulate
from hopfield.dynamics.synapses import _merged
from hopfield.models import ModernHopfield, UniversalHopfield
from hopfield.models.family import _blocks, _memory

SEPARATIONS = [
    *("softmax", "max", "top_k(3)", "sparsemax", "entmax(1.5)", "epanechnikov", "identity", "polynomial(2)"),
    *("exponential", "threshold(0.1)", "rectified_polynomial(3)"),
]
LIBRARIES = ["numpy", pytest.param("torch")]


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 16 patterns and groups of 4 cues, however few there are."""
    for name, value in {"ROOM": 64, "LEAST": 16, "CUES": 4}.items():
        monkeypatch.setattr(_merged, name, value)
    for name, value in {"FEW": 0, "SOME": 2}.items():
        monkeypatch.setattr(_blocks, name, value)
    monkeypatch.setattr(_memory, "SOME", 2)
    monkeypatch.setattr(_memory, "HELD", 0)


def made(similarity, separation, library="numpy", dtype="float64", beta=None, **settings):
    """A memory of 101 patterns, two of which are equal, and cues near some."""
    rng = np.random.default_rng(3)
    m = rng.standard_normal((101, 12)).astype(dtype)
    m[60] = m[7]
    q = (m[::9] + 0.1 * rng.standard_normal((12, 12))).astype(dtype)
    if beta is None:
        beta = 0.05 if separation in ("epanechnikov", "exponential") else 5.0 if similarity == "cosine" else 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        memory = UniversalHopfield(
            to_library(m, library), similarity, separation, beta=beta, tau_memory=0.0, **settings
        )
    return memory, to_library(q, library)


def at_once(memory):
    """The same memory, which makes all its scores at once."""
    plain = memory.replace()
    plain.__dict__["summed"] = None
    return plain


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("similarity", "separation"),
    [*(("dot", one) for one in SEPARATIONS), *(("euclidean", one) for one in SEPARATIONS[:5]), ("cosine", "softmax")],
)
def test_recall_is_the_weighted_sum(small_blocks, library, similarity, separation):
    if library == "torch":
        pytest.importorskip("torch")
    memory, q = made(similarity, separation, library)
    assert _blocks.in_blocks(memory, q)
    whole = to_numpy(memory.weights(q)) @ to_numpy(memory.memories)
    np.testing.assert_allclose(to_numpy(memory.recall(q)), whole, rtol=0, atol=1e-12 * np.abs(whole).max())
    np.testing.assert_allclose(to_numpy(memory.recall(q[3])), whole[3], rtol=0, atol=1e-12 * np.abs(whole).max())


def test_what_is_recalled_may_be_another_matrix(small_blocks, rng):
    p = rng.standard_normal((101, 5))
    memory, q = made("euclidean", "softmax", projection=p)
    np.testing.assert_allclose(memory.recall(q), memory.weights(q) @ p, atol=1e-13)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("separation", ["softmax", "sparsemax", "top_k(3)", "polynomial(2)"])
@pytest.mark.parametrize("blocks", [False, True])
def test_the_best_are_those_of_the_largest_weights(request, separation, blocks):
    if blocks:
        request.getfixturevalue("small_blocks")
    memory, q = made("dot", separation)
    f, best = memory.weights(q), memory.best(q, 4)
    order = np.argsort(-f, axis=-1, kind="stable")[:, :4]
    np.testing.assert_array_equal(best.patterns, order)
    np.testing.assert_allclose(best.weights, np.take_along_axis(f, order, -1), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(best.rest, f.sum(-1) - best.weights.sum(-1), atol=1e-12 * np.abs(f).sum())
    assert memory.best(q[0], 1).patterns.shape == (1,)
    with pytest.raises(ValueError, match="k=102 of 101 patterns cannot be the best"):
        memory.best(q, 102)


RETRIEVED = [
    *((kind, how, "float64") for kind in ("dot", "euclidean") for how in (*SEPARATIONS[:4], "epanechnikov")),
    *(("dot", "entmax(1.5)", "float64"), ("cosine", "softmax", "float64"), ("cosine", "max", "float64")),
    *(("dot", "softmax", "float32"), ("euclidean", "sparsemax", "float32"), ("cosine", "top_k(3)", "float32")),
]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("similarity", "separation", "dtype"), RETRIEVED)
def test_retrieval_is_the_same(small_blocks, similarity, separation, dtype):
    memory, q = made(similarity, separation, dtype=dtype)
    assert memory.summed is not None
    found, plain = memory.retrieve(q), at_once(memory).retrieve(q)
    close = 2000 * epsilon(dtype)
    np.testing.assert_allclose(found.state, plain.state, atol=close)
    np.testing.assert_allclose(found.energy, plain.energy, atol=close)
    for name in ("steps", "converged", "pattern", "verdict"):
        np.testing.assert_array_equal(getattr(found, name), getattr(plain, name))


def test_a_saddle_is_seen_in_blocks_too(small_blocks):
    memory = ModernHopfield(2 * np.eye(20), beta=4.0, tau_memory=0.0)
    cue = np.stack([np.where(np.arange(20) < 2, 1.0, 0.0), np.eye(20)[3]])
    assert memory.summed is not None
    assert memory.retrieve(cue).verdict.tolist() == ["unstable point", "fixed point"]
    assert at_once(memory).retrieve(cue).verdict.tolist() == ["unstable point", "fixed point"]


def test_copies_go_by_the_lowest_row(small_blocks):
    memory, _ = made("euclidean", "softmax")
    assert memory.retrieve(memory.memories[60]).pattern == 7
    assert _blocks.nearest_in_blocks(memory.places, memory.memories).tolist() == [
        7 if i == 60 else i for i in range(101)
    ]


@pytest.mark.parametrize("similarity", ["dot", "euclidean", "cosine"])
@pytest.mark.parametrize("integrator", ["relaxation", "rosenbrock"])
def test_trajectories_are_the_same(small_blocks, monkeypatch, similarity, integrator):
    plain, q = made(similarity, "softmax")
    run = simulate(plain, q[:3], t1=2.0, integrator=integrator)
    monkeypatch.setattr(_memory, "MANY", 2)
    memory, _ = made(similarity, "softmax")
    assert type(memory.network.synapses["memory"]) is _merged.MergedSynapse
    summed = simulate(memory, q[:3], t1=2.0, integrator=integrator)
    np.testing.assert_allclose(summed.times, run.times)
    np.testing.assert_allclose(summed.states["value"], run.states["value"], atol=1e-11)
    np.testing.assert_allclose(summed.energy, run.energy, atol=1e-10)
    assert (np.asarray(summed.energy_scale) >= 0.99 * np.abs(run.energy)).all()


def test_nothing_of_the_size_of_all_scores_is_held(monkeypatch):
    monkeypatch.setattr(_merged, "ROOM", 2**12)
    rng = np.random.default_rng(0)
    m, q = rng.standard_normal((8000, 8)), rng.standard_normal((64, 8))
    memory, scores = UniversalHopfield(m, "euclidean", beta=2.0, tau_memory=0.0), 8 * 8000 * 64
    for call in (
        lambda: memory.recall(q),
        lambda: memory.best(q, 5),
        lambda: memory.retrieve(q, 3),
        lambda: UniversalHopfield(m, "dot", "sparsemax", tau_memory=0.0).recall(q),
    ):
        call()
        tracemalloc.start()
        call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < scores / 4


def test_patterns_stay_in_their_file(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(_merged, "ROOM", 2**12)
    monkeypatch.setattr("hopfield.dynamics.backend._tracing.BLOCK", 2**14)
    rng = np.random.default_rng(1)
    m = rng.standard_normal((50_000, 16), dtype=np.float32)
    np.save(tmp_path / "patterns.npy", m)
    mapped, q = np.load(tmp_path / "patterns.npy", mmap_mode="r"), m[:9] + np.float32(0.1)
    UniversalHopfield(m, tau_memory=0.0).recall(q)  # imports what compiles loops
    tracemalloc.start()
    memory = UniversalHopfield(mapped, "dot", beta=2.0, tau_memory=0.0)
    answer, best, found = memory.recall(q, progress=True), memory.best(q, 2), memory.retrieve(q)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < m.nbytes
    loaded = UniversalHopfield(m, "dot", beta=2.0, tau_memory=0.0)
    np.testing.assert_array_equal(answer, loaded.recall(q))
    np.testing.assert_array_equal(best.patterns, loaded.best(q, 2).patterns)
    np.testing.assert_array_equal(found.state, loaded.retrieve(q).state)
    assert capsys.readouterr() == ("", "")  # no bar in a pipe


class Chunks:
    """An array in chunks, which gives NumPy's for slices of rows and counts what was read, as those of zarr are."""

    def __init__(self, array, most):
        self.array, self.most = array, most
        self.shape, self.dtype, self.chunks = array.shape, array.dtype, (64, array.shape[1])

    def __getitem__(self, rows):
        part = self.array[rows]
        assert len(part) <= self.most, "more than a piece was read at once"
        return part


@pytest.mark.parametrize("similarity", ["dot", "euclidean", "cosine", "manhattan"])
def test_patterns_in_chunks_or_in_a_file_are_recalled_without_being_held(tmp_path, monkeypatch, similarity):
    monkeypatch.setattr("hopfield.dynamics.backend._files.ROWS", 2**13)
    monkeypatch.setattr("hopfield.models.measures._manhattan.SORTED", 0)
    rng = np.random.default_rng(2)
    m = rng.standard_normal((3000, 8)).astype("float32")
    np.save(tmp_path / "patterns.npy", m)
    q, plain = m[:20] + np.float32(0.1), UniversalHopfield(m, similarity, beta=2.0, tau_memory=0.0)
    for rows in (Chunks(m, 256), np.load(tmp_path / "patterns.npy", mmap_mode="r")):
        memory = UniversalHopfield(rows, similarity, beta=2.0, tau_memory=0.0)
        assert _blocks.backend.is_mapped(memory.memories)
        assert _blocks.backend.is_mapped(getattr(memory.sim, "rows", memory.memories))
        np.testing.assert_allclose(memory.recall(q), plain.recall(q), atol=2e-5)
        np.testing.assert_array_equal(memory.best(q, 3).patterns, plain.best(q, 3).patterns)
        if similarity == "manhattan":
            with pytest.raises(ValueError, match="these 3000 lie in a file by rows"):
                memory.retrieve(q)
        else:
            np.testing.assert_array_equal(memory.retrieve(q).pattern, plain.retrieve(q).pattern)


def test_chunks_of_bytes_and_of_numbers_that_are_none():
    m = np.random.default_rng(0).integers(0, 255, (50, 6)).astype("uint8")
    memory = UniversalHopfield(Chunks(m, 50), beta=1e-3)
    np.testing.assert_array_equal(memory.memories, m.astype(float))
    bad = m.astype(float)
    bad[7, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        UniversalHopfield(Chunks(bad, 50))


def test_arrays_of_h5py(tmp_path):
    h5py = pytest.importorskip("h5py")
    m = np.random.default_rng(0).standard_normal((40, 5))
    with h5py.File(tmp_path / "patterns.h5", "w") as file:
        rows = file.create_dataset("patterns", data=m, chunks=(16, 5))
        memory = UniversalHopfield(rows)
    np.testing.assert_array_equal(memory.recall(m[:2]), UniversalHopfield(m).recall(m[:2]))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
def test_arrays_of_zarr(tmp_path, dtype):
    zarr = pytest.importorskip("zarr")
    m = (10 * np.random.default_rng(0).standard_normal((40, 5))).astype(dtype)
    rows = zarr.create_array(tmp_path / "patterns.zarr", shape=m.shape, chunks=(16, 5), dtype=dtype)
    rows[:] = m
    memory = UniversalHopfield(zarr.open_array(tmp_path / "patterns.zarr", mode="r"), beta=0.1, tau_memory=0.0)
    plain = UniversalHopfield(m, beta=0.1, tau_memory=0.0)
    assert _blocks.backend.is_mapped(memory.memories)
    np.testing.assert_array_equal(memory.memories, plain.memories)
    np.testing.assert_array_equal(memory.recall(memory.memories[:2]), plain.recall(plain.memories[:2]))
    np.testing.assert_array_equal(
        memory.retrieve(memory.memories[:2]).pattern, plain.retrieve(plain.memories[:2]).pattern
    )


@pytest.mark.parametrize("library", ["numpy", pytest.param("jax", marks=pytest.mark.slow)])  # it compiles for each size
def test_what_cannot_be_merged_goes_in_groups_of_cues(small_blocks, monkeypatch, library):
    if library == "jax":
        pytest.importorskip("jax")
    memory, q = made("manhattan", "softmax", library)
    assert not _blocks.in_blocks(memory, q)
    whole, found = to_numpy(memory.recall(q)), memory.retrieve(q)
    monkeypatch.setattr(_blocks, "MOST", 300)  # two cues at once
    sizes, scores = [], type(memory.sim).scores
    monkeypatch.setattr(type(memory.sim), "scores", lambda self, g: sizes.append(g.shape[0]) or scores(self, g))
    np.testing.assert_allclose(to_numpy(memory.recall(q)), whole, rtol=1e-13)
    parted = memory.retrieve(to_library(to_numpy(q).reshape(3, 4, 12), library))
    assert max(sizes, default=2) == 2
    np.testing.assert_allclose(to_numpy(parted.state), to_numpy(found.state).reshape(3, 4, 12), rtol=1e-12)
    for name in ("steps", "pattern", "verdict"):
        np.testing.assert_array_equal(getattr(parted, name), getattr(found, name).reshape(3, 4))


def test_an_answer_too_large_is_refused_in_blocks_too(small_blocks):
    memory, q = made("dot", "exponential", beta=400.0)
    with pytest.raises(ValueError, match="The answer is too large for float64"):
        memory.recall(q)


def test_derivatives_pass_where_they_are_wanted(small_blocks):
    torch = pytest.importorskip("torch")
    memory, q = made("dot", "softmax", "torch")
    q.requires_grad_()
    memory.recall(q).sum().backward()
    assert torch.isfinite(q.grad).all()
    assert q.grad.abs().max() > 0


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_hold_no_numbers_that_are_slow(small_blocks, monkeypatch, library, dtype):
    if library == "torch":
        pytest.importorskip("torch")
    memory, q = made("dot", "softmax", library, dtype, beta=300.0)
    seen, table_of = [], _merged.table_of

    def watched(*arguments, **named):
        table = table_of(*arguments, **named)

        def blocks():
            for first, h in table.blocks():
                yield first, h
                seen.append(to_numpy(h).min())  # written over by the weights

        return table._replace(blocks=blocks)

    monkeypatch.setattr(_merged, "table_of", watched)
    answer = to_numpy(memory.recall(q))
    assert min(seen) >= 0.5 * epsilon(dtype) ** 3  # and its products with entries of patterns are normal
    np.testing.assert_allclose(answer, to_numpy(memory.weights(q) @ memory.memories), atol=10 * epsilon(dtype))


def test_weights_of_float32_are_normal_or_0():
    rng = np.random.default_rng(0)
    m = rng.standard_normal((1000, 64), dtype=np.float32)
    memory, wide = ModernHopfield(m, beta=1.0), ModernHopfield(m.astype(float), beta=1.0)
    f, true = memory.weights(m[:64]), wide.weights(m[:64].astype(float))
    assert ((true > 1e-45) & (true < 1e-31)).any()  # where float32 has numbers that are slow to multiply
    assert ((f == 0) | (f > 9e-32)).all()
    np.testing.assert_allclose(f, true, rtol=2e-4, atol=1e-31)


@pytest.mark.parametrize(("library", "loops"), [("numpy", True), ("numpy", False), ("torch", False)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1e-30, 1e-12, 1.0, 1e8, 1e18])
@pytest.mark.parametrize("gain", [1e-3, 1.0, 40.0, 1e4])
def test_softmax_in_blocks_at_every_scale(small_blocks, monkeypatch, library, dtype, loops, size, gain):
    """Patterns of `size` and a beta by which scores are some `gain`: the weighted mean in long doubles."""
    if library == "torch":
        pytest.importorskip("torch")
    if loops:
        pytest.importorskip("numba")
        monkeypatch.setattr("hopfield.dynamics.kernels._exponentials.LEAST", 0)
    else:
        monkeypatch.setenv("HOPFIELD_NUMBA", "0")
    monkeypatch.setattr(_merged, "CUES", 16)  # so many that they lie side by side
    rng = np.random.default_rng(4)
    m = (size * rng.standard_normal((101, 12))).astype(dtype)
    q = (rng.standard_normal((20, 12))).astype(dtype)
    memory = UniversalHopfield(to_library(m, library), beta=gain / size, tau_memory=0.0)
    assert _blocks.in_blocks(memory, to_library(q, library))
    scores = (gain / size) * (q.astype(np.longdouble) @ m.astype(np.longdouble).T)
    f = np.exp(scores - scores.max(axis=1, keepdims=True))
    f /= f.sum(axis=1, keepdims=True)
    found = to_numpy(memory.recall(to_library(q, library)))
    eps = epsilon(dtype)
    bound = (200 + 40 * np.abs(scores).max()) * eps * float(np.abs(m).max())
    assert (np.abs(found - f @ m.astype(np.longdouble)) <= bound).all()
    assert np.isfinite(found).all()


def test_the_weight_of_the_heaviest_is_exact_however_large_scores_are(small_blocks):
    """What it leaves to the others is 0 where nothing is left, and not the rounding of beta h."""
    rng = np.random.default_rng(5)
    m = rng.standard_normal((101, 12)).astype("float32")
    memory = UniversalHopfield(m, beta=1e6, tau_memory=0.0)
    sums = _merged.merged_sums(memory.sim, memory.rule.separation, m)
    np.testing.assert_array_equal(sums.others, 0)
    np.testing.assert_allclose(sums.value, (m @ m.T).max(axis=1), rtol=1e-6)
