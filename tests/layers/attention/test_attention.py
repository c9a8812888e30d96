"""Attention: one update of the memories whose patterns are the keys, on every library."""

import warnings
from typing import Any

import numpy as np
import pytest

from helpers import few
from hopfield import UniversalHopfield
from hopfield.dynamics import Similarity
from hopfield.layers import attention
from hopfield.models import similarity

torch = pytest.importorskip("torch")
jax = pytest.importorskip("jax")
functional = torch.nn.functional

LIBRARIES = {"numpy": np.asarray, "torch": torch.asarray, "jax": jax.numpy.asarray}


def run(library, function, *arrays):
    """function(*arrays) in a library; on JAX as one compiled program, where each operation would be compiled alone."""
    function = jax.jit(function) if library == "jax" else function
    return function(*map(LIBRARIES[library], arrays))


GEOMETRIES = ("dot", "cosine", "euclidean", "manhattan")
DIVERGENCES = ("kl", "reverse_kl", "jeffreys", "jensen_shannon")
SCALED = ("normalised(manhattan)", "normalised(dot)", "normalised(kl)", "published(euclidean)")
SEPARATIONS = (
    *("softmax", "softmax(2.0)", "identity", "polynomial(3)", "exponential", "max", "top_k(2)", "threshold(-0.5)"),
    *("sparsemax", "entmax", "epanechnikov", "rectified_polynomial(2)"),
)


class Overlap(Similarity):
    """A similarity of one's own: the overlap of squashed vectors."""

    name = "overlap"

    def scores(self, g):
        return (g / (1 + g * g)) @ (self.patterns / (1 + self.patterns**2)).T


@pytest.fixture(autouse=True)
def wide():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.fixture
def some():
    rng = np.random.default_rng(0)
    return rng.random((1, 2, 4, 3)) + 0.1, rng.random((1, 2, 5, 3)) + 0.1, rng.standard_normal((1, 2, 5, 6))


KNOWN = {}


def recalled(given, kind, separation, beta, mask=None):
    """What memories of each set of keys recall, query by query, of the keys that its mask leaves."""
    q, k, v = given
    asked = (kind, separation, beta, None if mask is None else mask.tobytes(), q.tobytes(), k.tobytes())
    if asked not in KNOWN:  # for the next library
        KNOWN[asked] = _recalled(q, k, v, kind, separation, beta, mask)
    return KNOWN[asked]


def _recalled(q, k, v, kind, separation, beta, mask):
    out = np.zeros((*q.shape[:-1], v.shape[-1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for where in np.ndindex(q.shape[:-1]):
            left = np.ones(k.shape[-2], dtype=bool) if mask is None else mask[where[-1]]
            if left.any():
                keys, values = k[where[:-1]][left], v[where[:-1]][left]
                out[where] = UniversalHopfield(keys, kind, separation, beta=beta, projection=values).recall(q[where])
    return out


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", [*GEOMETRIES, *DIVERGENCES, *SCALED, Overlap()], ids=str)
def test_attention_is_the_recall_of_a_memory_of_the_keys(some, kind, library):
    separations = SEPARATIONS if kind in GEOMETRIES else ("softmax", "max", "sparsemax")
    if library == "jax" and kind != "dot":  # which separation there is makes no difference to how scores are made
        separations = ("softmax", "sparsemax")
    mask = np.tri(4, 5, 1, dtype=bool)
    mask[0], mask[2, 0] = False, False  # a query that sees no key, and one whose mask is not causal

    def found(q, k, v, m):
        rules = [{"similarity": kind, "separation": name, "beta": 1.3} for name in separations]
        return [(attention(q, k, v, **rule), attention(q, k, v, **rule, attn_mask=m)) for rule in rules]

    for separation, (got, cut) in zip(separations, run(library, found, *some, mask), strict=True):
        assert type(got) is type(LIBRARIES[library](some[0]))
        assert got.shape == (1, 2, 4, 6)
        np.testing.assert_allclose(np.asarray(got), recalled(some, kind, separation, 1.3), rtol=1e-9, atol=1e-12)
        want = recalled(some, kind, separation, 1.3, mask)
        np.testing.assert_allclose(np.asarray(cut), want, rtol=1e-9, atol=1e-12)
        assert (np.asarray(cut)[:, :, 0] == 0).all()


@pytest.mark.parametrize("library", ["torch", "jax"])
@pytest.mark.parametrize("kind", GEOMETRIES)
def test_masks_of_numbers_are_added_and_causal_ones_are_cut(some, kind, library):
    rule = {"similarity": kind, "beta": 0.7}
    rng = np.random.default_rng(1)
    numbers = rng.standard_normal((1, 1, 4, 5))
    numbers[0, 0, 1, :3] = -np.inf

    def found(q, k, v, m):
        masked = attention(q, k, v, **rule, attn_mask=m)
        both = attention(q, k, v, **rule, attn_mask=m, is_causal=True)
        return masked, both, attention(q, k, v, **rule, is_causal=True)

    got, causal, plain = run(library, found, *some, numbers)
    q, k, v = some
    scores = np.stack([[similarity(kind).of(k[b, h]).scores(q[b, h]) for h in range(2)] for b in range(1)])
    weights = np.exp(0.7 * scores + numbers)
    want = weights / weights.sum(-1, keepdims=True) @ v
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-9, atol=1e-12)
    weights = weights * np.tri(4, 5)
    want = weights / np.maximum(weights.sum(-1, keepdims=True), 1e-300) @ v
    np.testing.assert_allclose(np.asarray(causal), want, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.asarray(plain), recalled(some, kind, "softmax", 0.7, np.tri(4, 5) > 0), rtol=1e-9)


@pytest.mark.parametrize("kind", ["dot", "cosine", "euclidean"])
@pytest.mark.parametrize(
    ("library", "dtype"),
    [*(("torch", x) for x in ("float32", "bfloat16", "float16")), ("jax", "float32"), ("jax", "bfloat16")],
)
def test_the_fused_path_is_the_plain_one_at_every_dtype(kind, dtype, library):
    rng = np.random.default_rng(2)
    offset = 30.0 if kind == "euclidean" else 0.0  # distances do not see where the keys lie
    q, k, v = (rng.standard_normal((2, 3, 33, 12)) for _ in range(3))
    if library == "torch":
        q, k, v = (torch.asarray(x).to(getattr(torch, dtype)) for x in (q + offset, k + offset, v))
        host = [x.double().numpy() for x in (q, k, v)]
    else:
        q, k, v = (jax.numpy.asarray(x).astype(dtype) for x in (q + offset, k + offset, v))
        host = [np.asarray(x.astype("float64")) for x in (q, k, v)]
    got = run(library, lambda q, k, v: attention(q, k, v, similarity=kind, is_causal=True), q, k, v)
    assert got.dtype == q.dtype
    want = attention(*host, similarity=kind, is_causal=True)
    eps = {"float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}[dtype]
    got = got.double().numpy() if library == "torch" else np.asarray(got.astype("float64"))
    assert np.abs(got - want).max() < (60 if dtype == "float32" else 6) * eps


@pytest.mark.parametrize("kind", [*GEOMETRIES, "kl"])
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("shape", [(2, 0, 3), (0, 4, 3)])
def test_no_query_recalls_nothing(kind, library, shape):
    some = np.ones(shape), np.ones((shape[0], 5, 3)), np.ones((shape[0], 5, 6))
    found, energy = run(library, lambda *x: attention(*x, similarity=kind, steps=2, return_energy=True), *some)
    assert tuple(found.shape) == (*shape[:2], 6)
    assert tuple(energy.shape) == (2, *shape[:2])
    if library == "torch":
        query, keys, values = (torch.asarray(x).requires_grad_() for x in some)
        attention(query, keys, values, similarity=kind).sum().backward()
        assert values.grad is not None
        assert (values.grad == 0).all()


def test_without_arguments_it_is_the_attention_of_transformers():
    q, k, v = (torch.randn(2, 4, 9, 8, generator=torch.Generator().manual_seed(s)) for s in range(3))
    assert torch.equal(attention(q, k, v), functional.scaled_dot_product_attention(q, k, v))
    torch.manual_seed(0)
    ours = attention(q, k, v, dropout_p=0.3)
    torch.manual_seed(0)
    assert torch.equal(ours, functional.scaled_dot_product_attention(q, k, v, dropout_p=0.3))


def test_dropout_keeps_the_mean_and_needs_a_key_on_jax(some):
    q, k, v = some
    wide = [np.broadcast_to(x[0, 0], (20000, *x.shape[2:])).copy() for x in (q, k, v)]
    for kind in ("euclidean", "manhattan"):
        plain = attention(q[0, 0], k[0, 0], v[0, 0], similarity=kind)
        torch.manual_seed(0)
        found = attention(*map(torch.asarray, wide), similarity=kind, dropout_p=0.5).numpy()
        assert np.abs(found.mean(0) - plain).max() < 0.05 < found.std(0).max()
    arrays = [jax.numpy.asarray(x) for x in wide]
    found = np.asarray(attention(*arrays, similarity="dot", dropout_p=0.5, dropout_key=jax.random.key(0)))
    assert np.abs(found.mean(0) - attention(q[0, 0], k[0, 0], v[0, 0])).max() < 0.05 < found.std(0).max()
    with pytest.raises(TypeError, match=r"dropout_key=jax.random.key"):
        attention(*arrays, dropout_p=0.5)
    with pytest.raises(TypeError, match="NumPy arrays have no derivatives"):
        attention(*wide, dropout_p=0.5)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", [*GEOMETRIES, "jensen_shannon", "normalised(manhattan)"])
def test_a_nan_never_becomes_a_number(some, kind, library):
    dtype = "float64" if library == "numpy" else "float32"  # where the libraries' fused loops are
    given = [x.astype(dtype) for x in some]
    rules = [{"similarity": kind, "separation": name} for name in ("softmax", "max")]

    def found(q, k, v, m):
        return [attention(q, k, v, **rule, attn_mask=m) for rule in rules]

    mask = np.zeros((4, 5), dtype)
    run_in = (lambda *x: found(*map(torch.asarray, x))) if library == "torch" else lambda *x: run(library, found, *x)
    whole = [np.asarray(x) for x in run_in(*given, mask)]
    q, k, v, m = (x.copy() for x in (*given, mask))
    q[0, 1, 2, 0] = k[0, 1, 3, 1] = v[0, 1, 3, 1] = m[2] = np.nan
    unchecked = kind not in ("jensen_shannon",) or library == "jax"  # one of positive vectors looks at them first
    for got, want in zip(run_in(q, *given[1:], mask) if unchecked else (), whole, strict=False):
        lost = np.zeros((1, 2, 4), bool)
        lost[0, 1, 2] = True
        assert (np.isnan(np.asarray(got)).all(-1) == lost).all()
        np.testing.assert_allclose(np.asarray(got)[~lost], want[~lost], atol=50 * float(np.finfo(dtype).eps))
    for change in ((given[0], k, given[2], mask) if unchecked else None, (*given[:2], v, mask)):
        for got in () if change is None else run_in(*change):
            assert np.isnan(np.asarray(got)[0, 1]).any(-1).all()
            assert not np.isnan(np.asarray(got)[0, 0]).any()
    for got in run_in(*given, m):
        assert (np.isnan(np.asarray(got)).all(-1) == (np.arange(4) == 2)).all()


@pytest.mark.parametrize("kind", ["dot", "cosine", "euclidean"])
def test_nor_does_it_with_derivatives_or_under_a_map(some, kind):
    q, k, v = (torch.asarray(x).float().requires_grad_() for x in some)
    lost = torch.where(torch.arange(4)[:, None] == 2, torch.nan, q)
    for function in (
        lambda *x: attention(*x, similarity=kind),
        torch.func.vmap(lambda *x: attention(*x, similarity=kind)),
    ):
        assert (function(lost, k, v).isnan().all(-1) == (torch.arange(4) == 2)).all()
        assert function(q, torch.where(torch.arange(5)[:, None] == 2, torch.nan, k), v).isnan().all()


# ----------------------------------------------------------------------------------------------- derivatives


@pytest.mark.parametrize("kind", [*GEOMETRIES, "kl", "jensen_shannon", Overlap()], ids=str)
@pytest.mark.parametrize("separation", ["softmax", "entmax"])
def test_derivatives_are_those_of_differences(some, kind, separation):
    cuts = zip(some, ((2, 3), (3, 3), (3, 2)), strict=True)  # differences are taken of every number
    q, k, v = (torch.asarray(x[:, :1, :rows, :columns].copy()).requires_grad_() for x, (rows, columns) in cuts)
    beta = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    mask = torch.asarray(np.tri(2, 3, 1) > 0)

    def found(q, k, v, beta):
        return attention(q, k, v, similarity=kind, separation=separation, beta=beta, attn_mask=mask)

    assert torch.autograd.gradcheck(found, (q, k, v, beta))


@pytest.mark.parametrize("kind", GEOMETRIES)
def test_jax_has_the_derivatives_of_torch(some, kind):
    def total(library):
        return lambda q, k, v, beta: (attention(q, k, v, similarity=kind, beta=beta, is_causal=True) ** 2).sum()

    theirs = [torch.asarray(x).requires_grad_() for x in some]
    betas = np.asarray([0.5, 2.0]).reshape(2, 1, 1)
    beta = torch.asarray(betas).requires_grad_()
    total("torch")(theirs[0], theirs[1], theirs[2], beta).backward()
    ours = jax.jit(jax.grad(total("jax"), (0, 1, 2, 3)))(*map(jax.numpy.asarray, (*some, betas)))
    for a, b in zip(ours, (*theirs, beta), strict=True):
        np.testing.assert_allclose(np.asarray(a), b.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["manhattan", "kl", "euclidean"])
@pytest.mark.parametrize("library", ["torch", "jax"])
def test_blocks_change_neither_values_nor_derivatives(kind, library, monkeypatch):
    from hopfield.layers.attention import _batches

    rng = np.random.default_rng(3)
    q, k, v = rng.random((2, 37, 3)) + 0.1, rng.random((2, 11, 3)) + 0.1, rng.standard_normal((2, 11, 4))
    numbers = rng.standard_normal((37, 11))

    def found():
        rule = {"similarity": kind, "separation": "sparsemax", "beta": 3.0}
        if library == "torch":
            given = [torch.asarray(x).requires_grad_() for x in (q, k, v, numbers)]
            out = attention(*given[:3], **rule, attn_mask=given[3])
            (out**2).sum().backward()
            return [out.detach().numpy(), *(x.grad.numpy() for x in given)]
        given = [jax.numpy.asarray(x) for x in (q, k, v, numbers)]

        def answer(q, k, v, m):
            out = attention(q, k, v, **rule, attn_mask=m)
            return (out**2).sum(), out

        (_, out), slopes = jax.value_and_grad(answer, (0, 1, 2, 3), has_aux=True)(*given)
        return [np.asarray(x) for x in (out, *slopes)]

    whole = found()
    monkeypatch.setattr(_batches, "BLOCK", 2 * 11 * 5)  # five queries at once
    for a, b in zip(found(), whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_compiled_loops_have_the_distances_and_derivatives_of_the_library(monkeypatch):
    pytest.importorskip("numba")
    rng = np.random.default_rng(4)
    q, k, v = (torch.asarray(rng.standard_normal((2, 150, 50))).requires_grad_() for _ in range(3))
    with torch.no_grad():
        q[0, 3] = k[0, 5]  # where every difference has the sign 0
    found = []
    for switch in ("1", "0"):
        monkeypatch.setenv("HOPFIELD_NUMBA", switch)
        out = attention(q, k, v, similarity="manhattan", is_causal=True)
        found.append([out, *torch.autograd.grad((out**2).sum(), (q, k, v))])
    for a, b in zip(*found, strict=True):
        assert (a - b).abs().max() < 1e-11 * b.abs().max()
    monkeypatch.setenv("HOPFIELD_NUMBA", "1")
    out = attention(q, k, v, similarity="manhattan")
    (slope,) = torch.autograd.grad(out.sum(), q, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiate twice"):
        slope.sum().backward()


# ---------------------------------------------------------------------------------------------------- states


@pytest.mark.parametrize(
    ("library", "kind"),
    [
        *(("numpy", kind) for kind in (*GEOMETRIES, *DIVERGENCES)),
        *(("torch", kind) for kind in (*GEOMETRIES, *DIVERGENCES, Overlap())),
        *(("jax", kind) for kind in (*GEOMETRIES, "jensen_shannon", Overlap())),
    ],
    ids=str,
)
def test_the_energy_of_the_state_falls(some, kind, library):
    mask, steps = np.random.default_rng(0).random((4, 5)) > 0.3, 3 if library == "jax" else 6
    for separation in ("softmax", "sparsemax")[: 1 if library == "jax" else 2]:
        rule = {"similarity": kind, "separation": separation, "beta": 4.0, "steps": steps}

        def both(q, k, v, m, rule=rule):
            return *attention(q, k, v, **rule, attn_mask=m, return_energy=True), attention(q, k, v, **rule, attn_mask=m)

        found, energy, alone = map(np.asarray, run(library, both, *some, mask))
        assert energy.shape == (steps, 1, 2, 4)
        fall = -np.diff(energy, axis=0)
        assert fall.min() >= -1e-13
        assert fall[0].max() > 1e-3
        np.testing.assert_allclose(alone, found, rtol=1e-9)


@pytest.mark.parametrize("kind", ["dot", "cosine", "euclidean", "manhattan", "kl"])
def test_the_state_moves_as_that_of_the_memory_does(some, kind):
    q, k, v = (x[0, 0] for x in some)
    memory = UniversalHopfield(k, kind, "softmax", beta=3.0, tau_memory=0.0)
    for steps in (2, 4):
        state = memory.retrieve(q, max_steps=steps - 1).state
        want = memory.weights(state) @ v
        got, energy = attention(q, k, v, similarity=kind, beta=3.0, steps=steps, return_energy=True)
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(energy[-1], memory.energy(state), rtol=1e-9, atol=1e-12)


def test_what_has_no_dynamics_has_no_steps(some):
    with pytest.raises(ValueError, match=r"steps > 1 and energies are of the dynamics.*has no energy|coercive"):
        attention(*some, similarity="normalised(manhattan)", steps=2)
    with pytest.raises(ValueError, match="weights of both signs"):
        attention(*some, similarity="euclidean", separation="identity", steps=2)


# ------------------------------------------------------------------------------------------------- compilers


@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a .functools.lru_cache")  # of array_api_compat
@pytest.mark.parametrize("kind", few(GEOMETRIES, ["dot"]))
def test_torch_compiles_it_in_one_graph(kind):
    q, k, v = (torch.randn(2, 2, 6, 4, generator=torch.Generator().manual_seed(s)) for s in range(3))
    rules: list[dict[str, Any]] = [{"is_causal": True}, {"steps": 3}]
    rules += [{}] if kind == "dot" else [{"separation": "sparsemax"}] if kind == "manhattan" else []
    for options in rules:

        def run(q, k, v, options=options):
            return attention(q, k, v, similarity=kind, **options)

        torch._dynamo.reset()
        compiled = torch.compile(run, fullgraph=True, backend="eager")
        assert (compiled(q, k, v) - run(q, k, v)).abs().max() < 1e-5
        mapped = torch.func.vmap(run)(q, k, v)
        assert (mapped - run(q, k, v)).abs().max() < 1e-5


# ------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"key": torch.ones(3, 5)}, ValueError, r"4 features and key 5.*query \(2, 4\), key \(3, 5\)"),
        ({"value": torch.ones(2, 4)}, ValueError, r"3 keys and 2 values; the shapes are .*value \(2, 4\)"),
        ({"query": torch.ones(4)}, ValueError, r"query must be \(\.\.\., L, E\).*query \(4,\)"),
        ({"key": torch.ones(0, 4), "value": torch.ones(0, 4)}, ValueError, r"no key to attend to"),
        (
            {"query": torch.ones(3, 2, 4), "key": torch.ones(2, 3, 4)},
            ValueError,
            r"batch axes .*\(3, 2, 4\).*\(2, 3, 4\)",
        ),
        ({"query": torch.ones(2, 4).double()}, TypeError, "query float64, key float32"),
        ({"query": [[1.0]]}, TypeError, "query must be an array of PyTorch, JAX or NumPy"),
        ({"query": np.ones((2, 4))}, TypeError, "different libraries"),
        ({"attn_mask": torch.ones(2, 3, dtype=torch.int64)}, TypeError, "attn_mask has dtype int64: give bools"),
        ({"attn_mask": torch.ones(3, 2, dtype=torch.bool)}, ValueError, r"shape \(3, 2\) and the scores have \(2, 3\)"),
        ({"beta": -1.0}, ValueError, "beta must be > 0"),
        ({"beta": torch.ones(3)}, ValueError, r"beta has shape \(3,\)"),
        ({"beta": torch.tensor([[-1.0], [1.0]])}, ValueError, "negative one prefers the least similar"),
        ({"beta": torch.tensor([[torch.inf], [1.0]])}, ValueError, "beta must be > 0 and finite everywhere"),
        ({"similarity": "euclid"}, ValueError, "Did you mean 'euclidean'"),
        ({"separation": "softmx"}, ValueError, "Did you mean 'softmax'"),
        ({"similarity": similarity("dot").of(np.eye(2))}, ValueError, "the keys are the patterns"),
        ({"similarity": "kl", "query": -torch.ones(2, 4)}, ValueError, "for positive vectors, and query"),
        ({"dropout_p": 1.0}, ValueError, "dropout_p must be >= 0 and < 1"),
        ({"steps": 0}, ValueError, "steps must be a whole number >= 1"),
        ({"steps": 10**6}, ValueError, "steps must be a whole number from 1 to 1000, got 1000000"),
        ({"is_causal": 1}, TypeError, "is_causal must be True or False"),
    ],
)
def test_what_does_not_fit_is_refused(change, error, message):
    usual = {"query": torch.ones(2, 4), "key": torch.ones(3, 4), "value": torch.ones(3, 5)}
    with pytest.raises(error, match=message):
        attention(**{**usual, **change})
