"""Half precision, autocast, derivatives and devices of PyTorch: sums are made in float32 or wider."""

import warnings

import numpy as np
import pytest

from helpers import LIBRARIES, to_library
from hopfield import rollout, simulate
from hopfield.dynamics import Network, Rosenbrock
from hopfield.models import (
    BidirectionalMemory,
    ClassicalHopfield,
    DenseAssociativeMemory,
    ExponentialMemory,
    HierarchicalMemory,
    ModernHopfield,
    SparseDistributedMemory,
    UniversalHopfield,
    build,
)

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(3)
SIGNS = torch.tensor(RNG.choice([-1.0, 1.0], size=(5, 20)), dtype=torch.float32)
CUES = SIGNS[:3] * torch.tensor(np.where(RNG.random((3, 20)) < 0.1, -1.0, 1.0), dtype=torch.float32)
GREY = torch.tensor(RNG.random((5, 20)) + 0.2, dtype=torch.float32)
NEAR = GREY[:3] * 1.1
HALF = [torch.bfloat16, torch.float16]
GRADED = (ClassicalHopfield, DenseAssociativeMemory, ExponentialMemory)
LAYERS = torch.tensor(RNG.normal(size=(20, 6)), dtype=torch.float32)


def universal(similarity, separation="softmax", **options):
    return lambda X: UniversalHopfield(X, similarity, separation, beta=2.0, **options)


SIMILARITIES = ["dot", "euclidean", "cosine", "manhattan", "kl", "reverse_kl", "jeffreys", "jensen_shannon"]
ONE_SHOT = ["normalised(euclidean)", "normalised(kl)", "published(dot)"]
CASES = {
    **{name: (universal(name), GREY, NEAR) for name in SIMILARITIES + ONE_SHOT},
    "hamming": (universal("hamming", "max"), SIGNS, CUES),
    **{
        name: (lambda X, name=name: build(name, X), SIGNS, CUES)
        for name in ("modern", "classical", "dense", "exponential", "continuous_sdm", "bidirectional", "sdm")
    },
    "hierarchical": (lambda W: HierarchicalMemory([20, (6, "tanh")], [W]), LAYERS, GREY),
    "pairs": (lambda X: ModernHopfield(X, 2.0, projection=X[:, :3], bias=X[0]), GREY, NEAR),
}
EACH = pytest.mark.parametrize("name", CASES)


@pytest.fixture(autouse=True)
def _no_doubts():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def answers(memory, query):
    """Everything that a model says of a query: patterns, and numbers that are not patterns."""
    patterns, numbers = {"recall": memory.recall(query)}, {}
    if memory.has_weights:
        patterns["weights"] = memory.weights(query)
    if memory.has_scores:
        patterns["scores"] = memory.scores(query)
    try:
        network = memory.network
    except (AttributeError, ValueError):
        network = None
    if network is not None:
        both = (query, memory.recall(query)) if isinstance(memory, BidirectionalMemory) else (query,)
        numbers["energy"] = memory.energy(*both)
    if network is not None or isinstance(memory, SparseDistributedMemory):
        answer = memory.retrieve(query)
        patterns["retrieve"] = answer.state
        assert tuple(np.shape(answer.pattern)) == tuple(query.shape[:-1])
    if network is not None:
        cue = 0.75 * query if isinstance(memory, GRADED) else query
        states = memory.start(cue)
        numbers["energy of the network"] = network.energy(states)
        numbers["velocity"] = next(iter(network.velocity(states).values()))
        numbers["simulate"] = next(iter(simulate(memory, cue, t1=0.5).final.values()))
        numbers["rollout"] = next(iter(rollout(memory, cue, 0.1, 3).values()))
    return patterns, numbers


@EACH
@pytest.mark.parametrize("kind", HALF, ids=str)
def test_half_precision_answers_what_float32_answers_rounded_once(name, kind):
    make, rows, cues = CASES[name]
    rows, cues = rows.to(kind), cues.to(kind)  # the same numbers in both
    patterns, numbers = answers(make(rows), cues)
    wide_patterns, wide_numbers = answers(make(rows.float()), cues.float())
    for verb, wide in wide_patterns.items():
        assert patterns[verb].dtype == kind, verb
        assert torch.equal(patterns[verb], wide.to(kind)), verb
    for verb, wide in wide_numbers.items():
        assert numbers[verb].dtype == torch.float32, verb
        assert torch.equal(numbers[verb], wide), verb


@EACH
def test_a_memory_moved_to_half_precision_is_one_built_there(name):
    make, rows, cues = CASES[name]
    kind = torch.float16
    moved, built = make(rows.to(kind).float()).to("torch", dtype="float16"), make(rows.to(kind))
    assert torch.equal(moved.recall(cues.to(kind)), built.recall(cues.to(kind)))
    assert type(moved).__name__ in repr(moved)
    assert "float16" in repr(moved)


@EACH
def test_autocast_changes_nothing(name):
    make, rows, cues = CASES[name]
    expected = answers(make(rows), cues)
    memory = make(rows)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = answers(memory, cues)
        narrow = memory.recall(cues.bfloat16())  # as a layer under autocast gives it
    for found in (inside, answers(memory, cues)):  # and what was kept inside is right outside
        for these, those in zip(found, expected, strict=True):
            for verb, x in those.items():
                assert torch.equal(these[verb], x), verb
    assert torch.equal(narrow, make(rows).recall(cues.bfloat16().float()))


def test_a_network_of_ones_own_is_integrated_under_autocast():
    memory = UniversalHopfield(GREY, "euclidean", beta=2.0)
    states = memory.start(NEAR)
    for method in ("rosenbrock", "dopri5"):
        expected = simulate(memory.network, states, t1=0.5, integrator=method).final["value"]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = simulate(memory.network, states, t1=0.5, integrator=method).final["value"]
        assert torch.equal(found, expected)
    assert isinstance(memory.network, Network)
    assert Rosenbrock().dense


@pytest.mark.parametrize("library", [name for name in LIBRARIES if name != "torch"])
def test_float16_on_the_other_libraries(library):
    rows, cues = (to_library(x.numpy().astype("float16"), library) for x in (GREY, NEAR))
    for similarity in ("dot", "euclidean", "manhattan", "kl"):
        memory = universal(similarity)(rows)
        wide = universal(similarity)(rows.astype("float32"))
        assert memory.recall(cues).dtype == np.float16
        np.testing.assert_array_equal(memory.recall(cues), wide.recall(cues).astype("float16"))
        answer = memory.retrieve(cues)
        assert answer.state.dtype == np.float16
        assert np.isfinite(np.asarray(answer.energy)).all()


@pytest.mark.skipif("jax" not in LIBRARIES, reason="JAX is not installed")
def test_bfloat16_travels_between_libraries():
    import jax

    memory = universal("euclidean")(GREY.bfloat16())
    there = memory.to("jax")
    assert there.memories.dtype == jax.numpy.bfloat16
    assert torch.equal(there.to("torch").memories, GREY.bfloat16())
    np.testing.assert_array_equal(there.to("numpy").memories, GREY.bfloat16().float().numpy())
    found = there.recall(jax.numpy.asarray(NEAR.numpy()).astype("bfloat16"))
    expected = memory.recall(NEAR.bfloat16()).float().numpy()
    np.testing.assert_allclose(np.asarray(found, "float32"), expected, rtol=2**-8)
    with pytest.raises(TypeError, match="NumPy has no bfloat16"):
        memory.to("numpy", dtype="bfloat16")


def test_a_wider_query_is_refused_by_half_precision_too():
    memory = universal("euclidean")(GREY.half())
    for call in (memory.recall, memory.scores, memory.retrieve, memory.start):
        with pytest.raises(TypeError, match=r"query is float32 but the memory is float16.*query\.to\(torch\.float16\)"):
            call(NEAR)
    with pytest.raises(TypeError, match=r"query is bfloat16 but the memory is float16"):
        memory.recall(NEAR.bfloat16())  # neither holds the other
    with pytest.raises(ValueError, match="query holds 1 values that are NaN"):
        memory.recall(torch.full((20,), float("nan")).half().where(torch.arange(20) == 3, NEAR[0].half()))


def test_what_half_precision_cannot_hold_is_refused():
    with pytest.raises(ValueError, match=r"at index \(\d+, \d+\) is too large for float16, whose largest is 65504"):
        universal("dot")(1e6 * GREY).to("torch", dtype="float16")
    with pytest.raises(ValueError, match="too large for float16"):
        universal("euclidean")(200 * GREY.half()).scores(-200 * NEAR.half())
    with pytest.raises(ValueError, match=r"All numbers become 0 in float16: the largest is 1\.19"):
        universal("dot")(1e-10 * GREY).to("torch", dtype="float16")
    memory = SparseDistributedMemory.random(30, 20, radius=20).to("torch", dtype="bfloat16")
    full = memory.write(SIGNS[:1].bfloat16(), times=256)
    assert full.counters.dtype == torch.bfloat16
    with pytest.raises(ValueError, match="A counter passes 256, up to which bfloat16 holds every whole number"):
        full.write(SIGNS[:1].bfloat16())


@pytest.mark.parametrize("dtype", ["int32", "bool", "complex128", "U8", "float33"])
def test_patterns_are_floating(dtype):
    with pytest.raises(TypeError, match=f"dtype='{dtype}' is no type that patterns can be of: ask for one of float16"):
        ModernHopfield(GREY).to("numpy", dtype=dtype)


# --- derivatives, and what was kept before


@pytest.mark.parametrize("name", ["euclidean", "cosine", "manhattan", "kl", "continuous_sdm", "hierarchical"])
def test_a_model_is_the_same_after_functional_transforms_and_inference_mode(name):
    make, rows, cues = CASES[name]
    rows, cues = rows.double(), cues.double()
    expected = make(rows).recall(cues)

    def total(memory, q):
        states = memory.start(q)
        return memory.recall(q).sum() + memory.network.energy(states).sum()

    for use in (
        lambda memory: torch.func.grad(lambda q: total(memory, q))(cues),
        lambda memory: torch.func.vmap(lambda q: total(memory, q))(cues),
        lambda memory: torch.func.vmap(torch.func.grad(lambda q: total(memory, q)))(cues),
        lambda memory: torch.func.jvp(lambda q: total(memory, q), (cues,), (cues,)),
        lambda memory: torch.inference_mode()(total)(memory, cues),
        lambda memory: torch.no_grad()(total)(memory, cues),
    ):
        memory = make(rows)
        use(memory)
        assert torch.equal(memory.recall(cues), expected)
        leaf = cues.clone().requires_grad_()
        total(memory, leaf).backward()
        assert torch.isfinite(leaf.grad).all()
        slopes = torch.func.grad(lambda q, memory=memory: total(memory, q))(cues)
        torch.testing.assert_close(leaf.grad, slopes, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["euclidean", "cosine", "manhattan", "modern"])
def test_a_memory_of_parameters_follows_its_optimiser(name):
    """What a memory computes once from its patterns is computed anew after each step that changes them."""
    make, rows, cues = CASES[name]
    patterns = torch.nn.Parameter(rows.double().clone())
    memory, cues = make(patterns), cues.double()
    optimiser = torch.optim.SGD([patterns], lr=0.05)
    for _ in range(3):
        loss = (memory.recall(cues) ** 2).sum() + memory.network.energy(memory.start(cues)).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        fresh = make(patterns.detach().clone())
        torch.testing.assert_close(memory.recall(cues), fresh.recall(cues), rtol=0, atol=1e-13)


def test_derivatives_pass_through_simulate_in_both_of_pytorchs_ways():
    memory, cues = ModernHopfield(GREY.double(), beta=2.0), NEAR.double()

    def end(q):
        return (simulate(memory, q, t1=0.5).final["value"] ** 2).sum()

    leaf = cues.clone().requires_grad_()
    end(leaf).backward()
    torch.testing.assert_close(torch.func.grad(end)(cues), leaf.grad, rtol=0, atol=1e-12)
    for loop in (end, lambda q: memory.retrieve(q).state):
        with pytest.raises(TypeError, match=r"looks at its numbers.*recall\(query\).*rollout"):
            torch.func.vmap(loop)(cues)


# --- devices


@pytest.mark.parametrize("device", ["cuda", "cuda:99", "nowhere", "meta", 99])
def test_a_device_that_is_not_there_is_one_sentence(device):
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is CUDA here")
    with pytest.raises(
        ValueError, match=rf"PyTorch cannot use the device '{device}' on this machine \(.*\)\. It has cpu"
    ):
        ModernHopfield(GREY).to("torch", device=device)


@pytest.mark.skipif("jax" not in LIBRARIES, reason="JAX is not installed")
@pytest.mark.parametrize("device", ["tpu", "cpu:99", "cpu:x", "nowhere", 3])
def test_a_jax_device_that_is_not_there_is_one_sentence(device):
    with pytest.raises(ValueError, match=rf"JAX has no device {device!r} on this machine\. It has \w+:0"):
        ModernHopfield(GREY).to("jax", device=device)


def test_a_move_within_pytorch_keeps_the_derivative():
    patterns = GREY.double().requires_grad_()
    moved = ModernHopfield(patterns).to("torch", dtype="float32", device="cpu")
    moved.memories.sum().backward()
    assert torch.equal(patterns.grad, torch.ones_like(patterns))
    plain = ModernHopfield(GREY).to("torch")
    plain.memories[0, 0] = 7.0
    assert GREY[0, 0] != 7.0  # a copy, as ever


@EACH
def test_a_look_up_leaves_whole_arrays_on_their_device(name, monkeypatch):
    make, rows, cues = CASES[name]

    def refuse(self, *arguments, **options):
        raise AssertionError(f"a tensor of shape {tuple(self.shape)} goes to the host")

    for method in ("cpu", "numpy", "tolist", "__array__"):
        monkeypatch.setattr(torch.Tensor, method, refuse)
    memory = make(rows)
    memory.recall(cues)
    if not isinstance(memory, (*GRADED, SparseDistributedMemory)) and name not in ("hamming", *ONE_SHOT):
        memory.network.energy(memory.start(cues))
