"""Models live under jit, vmap and grad in every form, and nothing that a trace made is kept outside it."""

import warnings
from typing import Any

import numpy as np
import pytest

from helpers import few
from hopfield import simulate
from hopfield.analysis import (
    basin_radius,
    basin_slice,
    basins_of_attraction,
    check_lyapunov,
    effective_memories,
    find_fixed_points,
    landscape,
)
from hopfield.models import (
    BidirectionalMemory,
    ClassicalHopfield,
    ContinuousSDM,
    DenseAssociativeMemory,
    ExponentialMemory,
    HierarchicalMemory,
    Kernel,
    Layer,
    ModernHopfield,
    UniversalHopfield,
    build,
    catalogue,
    recall_sequence,
)

jax = pytest.importorskip("jax")
jnp = jax.numpy

RNG = np.random.default_rng(0)
SIGNS = RNG.choice([-1.0, 1.0], size=(4, 10))
CUES = np.where(RNG.random(SIGNS.shape) < 0.15, -SIGNS, SIGNS)
GREY = RNG.random((4, 10)) + 0.2
NEAR = GREY * (0.9 + 0.2 * RNG.random(GREY.shape))
ABOVE = RNG.normal(size=(6, 3))
GRADED = (ClassicalHopfield, DenseAssociativeMemory, ExponentialMemory)  # whose start takes the inside of [-1, 1]


def universal(similarity, separation="softmax", **options):
    return lambda X: UniversalHopfield(X, similarity, separation, beta=2.0, **options)


def layers(W):
    return HierarchicalMemory([10, Layer(6, "tanh"), Layer(3, "softmax")], [W, jnp.asarray(ABOVE)])


def convolution(W):
    return HierarchicalMemory([Layer((10, 1)), Layer((8, 2), "tanh")], [Kernel(W)])


CASES = {  # how it is built, from what, and its cues
    **{entry.name: (lambda X, name=entry.name: build(name, X), SIGNS, CUES) for entry in catalogue()},
    "hierarchical": (layers, RNG.normal(size=(10, 6)), GREY),  # whose patterns are weights
    "convolution": (convolution, RNG.normal(size=(3, 1, 2)), GREY),
    **{f"classical {rule}": (lambda X, r=rule: ClassicalHopfield(X, r), SIGNS, CUES) for rule in ("storkey",)},
    "classical pseudo_inverse": (lambda X: ClassicalHopfield(X, "pseudo_inverse"), SIGNS, CUES),
    "classical given": (lambda X: ClassicalHopfield(X, couplings=X.T @ X), SIGNS, CUES),
    **{
        name: (universal(name), GREY, NEAR)
        for name in ("euclidean", "cosine", "manhattan", "kl", "reverse_kl", "jeffreys", "jensen_shannon")
    },
    "hamming": (universal("hamming", "max"), SIGNS, CUES),
    "normalised": (universal("normalised(euclidean)"), GREY, NEAR),
    "normalised kl": (universal("normalised(kl)"), GREY, NEAR),
    "published": (universal("published(kl)"), GREY, NEAR),
    "adiabatic": (universal("euclidean", tau_memory=0.0), GREY, NEAR),
    "pairs": (lambda X: UniversalHopfield(X, "euclidean", projection=X[:, :3]), GREY, NEAR),
    "entmax": (universal("dot", "entmax"), GREY, NEAR),
    "sqrt": (universal("dot", "sqrt"), GREY, NEAR),
    "dense given bias": (lambda X: DenseAssociativeMemory(X, bias=0.25), SIGNS, CUES),
}
QUICK = [*(entry.name for entry in catalogue()), "euclidean", "manhattan", "kl"]
QUICKEST = ["euclidean", "dense", "sdm"]


def some(fast, broad=(), names=CASES):
    """All cases, most of them among the broad or slow tests: JAX compiles them."""
    marks = {name: () if name in fast else pytest.mark.broad if name in broad else pytest.mark.slow for name in names}
    return pytest.mark.parametrize("name", [pytest.param(name, marks=mark) for name, mark in marks.items()])


@pytest.fixture(autouse=True)
def _no_doubts():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of combinations of parts, which other tests read
        yield


def answers(memory: Any, query: Any) -> dict[str, Any]:
    """What a model says of a query without a loop: recall, weights, scores, energy, and its network's velocity."""
    found = {"recall": memory.recall(query)}
    if memory.has_weights:
        found["weights"] = memory.weights(query)
    if memory.has_scores:
        found["scores"] = memory.scores(query)
    try:
        network = memory.network
    except (AttributeError, ValueError):  # sparse memories, and similarities that recall alone
        return found
    both = (query, memory.recall(query)) if isinstance(memory, BidirectionalMemory) else (query,)
    found["energy"] = memory.energy(*both)
    states = memory.start(0.9 * query if isinstance(memory, GRADED) else query)
    velocity = {f"velocity of {name}": x for name, x in network.velocity(states).items()}
    return {**found, "energy of the network": network.energy(states), **velocity}


def agree(found, expected):
    assert found.keys() == expected.keys()
    for name, x in expected.items():
        size = max(1.0, float(jnp.max(jnp.abs(x))))
        np.testing.assert_allclose(np.asarray(found[name]), np.asarray(x), rtol=0, atol=1e-12 * size, err_msg=name)


def ways(name):
    """Functions that answer within a transformation, with their arguments and the objects that they use."""
    make, rows, cues = CASES[name]
    X, q = jnp.asarray(rows), jnp.asarray(cues)
    closed, other, given = make(X), make(X), make(X)
    return [
        ("a model closed over, a traced query", lambda q: answers(closed, q), (q,), closed),
        ("a model closed over, a query closed over", lambda: answers(other, q), (), other),
        ("a model as argument, a query closed over", lambda memory: answers(memory, q), (given,), given),
        ("a model as argument, a traced query", answers, (given, q), given),
        ("a model built from constants, a traced query", lambda q: answers(make(X), q), (q,), None),
        ("a model built from constants, a query closed over", lambda: answers(make(X), q), (), None),
        ("a model built from traced arrays, a query closed over", lambda X: answers(make(X), q), (X,), None),
        ("a model built from traced arrays, a traced query", lambda X, q: answers(make(X), q), (X, q), None),
    ]


@some(QUICKEST, CASES)
def test_a_model_is_traced_in_every_form_and_the_same_afterwards(name):
    make, rows, cues = CASES[name]
    expected = answers(make(jnp.asarray(rows)), jnp.asarray(cues))
    for form, function, arguments, memory in ways(name):
        shapes = jax.eval_shape(function, *arguments)
        assert {k: x.shape for k, x in shapes.items()} == {k: x.shape for k, x in expected.items()}, form
        if memory is not None:
            agree(answers(memory, jnp.asarray(cues)), expected)


@some(QUICKEST, QUICK)
def test_a_jitted_model_answers_as_ever(name):
    make, rows, cues = CASES[name]
    expected = answers(make(jnp.asarray(rows)), jnp.asarray(cues))
    forms = ways(name)
    for _, function, arguments, _ in forms[::7] if name in QUICK else forms:
        agree(jax.jit(function)(*arguments), expected)


@some([], QUICKEST)
def test_a_model_is_mapped_over_queries_and_over_its_leaves(name):
    make, rows, cues = CASES[name]
    X, q = jnp.asarray(rows), jnp.asarray(cues)
    memory = make(X)
    expected = answers(memory, q)
    mapped = make(X)
    agree(jax.vmap(lambda q: answers(mapped, q))(q), expected)
    agree(answers(mapped, q), expected)
    two = jax.tree_util.tree_map(lambda *leaves: jnp.stack(leaves), memory, make(X))
    twice = jax.vmap(lambda memory: answers(memory, q))(two)
    for k in range(2):
        agree({name: x[k] for name, x in twice.items()}, expected)


SMOOTH = [name for name in CASES if name not in ("sdm", "hamming", "bidirectional")]


@some([], ["euclidean"], SMOOTH)
def test_derivatives_are_the_same_with_and_without_jit_and_leave_the_model_as_it_was(name):
    make, rows, cues = CASES[name]
    X, q = jnp.asarray(rows), jnp.asarray(cues)
    memory, expected = make(X), answers(make(X), q)

    def total(memory, q):
        return sum(jnp.sum(x) for key, x in answers(memory, q).items() if x.dtype == X.dtype)

    for function, at in (
        (lambda q: total(memory, q), q),
        (lambda X: total(make(X), q), X),
        # a program within a derivative, and the same model once more behind it
        (lambda X: (lambda m: jax.jit(lambda q: total(m, q))(q) + total(m, q))(make(X)) / 2, X),
    ):
        plain, compiled = jax.grad(function)(at), jax.jit(jax.grad(function))(at)
        size = max(1.0, float(jnp.max(jnp.abs(plain))))
        np.testing.assert_allclose(np.asarray(compiled), np.asarray(plain), rtol=0, atol=1e-10 * size)
        agree(answers(memory, q), expected)
    slopes = jax.jit(jax.grad(lambda memory: total(memory, q)))(memory)
    assert type(slopes) is type(memory)
    assert isinstance(repr(slopes), str)


def test_training_on_given_data_is_the_derivative_by_differences():
    X, q = jnp.asarray(GREY), jnp.asarray(NEAR)

    def loss(beta):
        return jnp.sum((UniversalHopfield(X, "euclidean", beta=beta).recall(q) - X) ** 2)

    found = jax.jit(jax.grad(loss))(2.0)
    step = 1e-5
    np.testing.assert_allclose(found, (loss(2.0 + step) - loss(2.0 - step)) / (2 * step), rtol=1e-7)


def test_a_known_part_is_a_mask_under_jit_too():
    known = np.arange(10) < 6
    for similarity in ("dot", "manhattan"):
        memory = universal(similarity)(jnp.asarray(GREY))
        expected = memory.recall(jnp.asarray(NEAR), known=known)
        found = jax.jit(lambda q, memory=memory: memory.recall(q, known=known))(jnp.asarray(NEAR))
        np.testing.assert_allclose(np.asarray(found), np.asarray(expected), atol=1e-12)


def test_a_sequence_is_played_under_jit():
    found = jax.jit(lambda q: recall_sequence(jnp.asarray(SIGNS), q, 3, separation="max"))(jnp.asarray(SIGNS[1]))
    np.testing.assert_array_equal(np.asarray(found.trajectory), SIGNS[[1, 2, 3, 0]])
    np.testing.assert_array_equal(np.asarray(found.rows), [1, 2, 3, 0])


# --- loops


GREY_MEMORY = ModernHopfield(jnp.asarray(GREY), beta=3.0)
SIGN_MEMORIES = [build(name, jnp.asarray(SIGNS)) for name in ("classical", "exponential", "bidirectional", "sdm")]
LOOPS = {
    "simulate": lambda memory, q: simulate(memory, q, t1=1.0).final["value"],
    "retrieve": lambda memory, q: memory.retrieve(q).state,
    "retrieve the unknown": lambda memory, q: memory.retrieve(q, known=np.arange(10) < 5).state,
    "find_fixed_points": lambda memory, q: find_fixed_points(memory).state,
    "basins_of_attraction": lambda memory, q: basins_of_attraction(memory, q[None]).labels,
    "basin_slice": lambda memory, q: basin_slice(memory, *GREY[:3]).labels,
    "basin_radius": lambda memory, q: basin_radius(memory, 0).certified,
    "landscape": lambda memory, q: landscape(memory).depth,
    "check_lyapunov": lambda memory, q: check_lyapunov(memory, q).holds,
    "effective_memories": lambda memory, q: effective_memories(memory, q),
}


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_inside_a_trace_names_what_to_use_instead(loop):
    q, run = jnp.asarray(NEAR[0]), LOOPS[loop]
    words = r"looks at .* inside jit, vmap or compile.*recall\(query\).*rollout\(memory, query, dt, steps\)"
    for attempt in (
        lambda: jax.jit(lambda q: run(GREY_MEMORY, q))(q),
        lambda: jax.jit(lambda memory: run(memory, q))(GREY_MEMORY),
        lambda: jax.jit(lambda: run(GREY_MEMORY, q))(),
        lambda: jax.jit(jax.grad(lambda q: jnp.sum(run(GREY_MEMORY, q))))(q),
        lambda: jax.vmap(lambda memory: run(memory, q))(
            jax.tree_util.tree_map(lambda leaf: jnp.stack([leaf]), GREY_MEMORY)
        ),
    ):
        with pytest.raises(TypeError, match=words):
            attempt()


@pytest.mark.parametrize("memory", few(SIGN_MEMORIES, 1), ids=lambda memory: type(memory).__name__)
def test_binary_retrieval_inside_a_trace_is_refused_likewise(memory):
    words = r"retrieve looks at its numbers.*recall\(query\).*rollout"
    with pytest.raises(TypeError, match=words):
        jax.jit(lambda q: memory.retrieve(q).state)(jnp.asarray(CUES))
    with pytest.raises(TypeError, match=words):
        jax.vmap(lambda q: memory.retrieve(q).state)(jnp.asarray(CUES))
    assert memory.retrieve(jnp.asarray(CUES)).state.shape == CUES.shape


def test_what_needs_numbers_to_be_built_says_so_inside_a_trace():
    for make, words in (
        (lambda X: ClassicalHopfield(X, "perceptron").recall(X), "The perceptron rule looks at the numbers"),
        (lambda X: build("hierarchical", X).recall(X), r"HierarchicalMemory\.from_patterns looks at the numbers"),
    ):
        with pytest.raises(TypeError, match=words):
            jax.jit(make)(jnp.asarray(SIGNS))
        known = jnp.asarray(SIGNS)
        assert jax.jit(lambda make=make, X=known: make(X))().shape == SIGNS.shape  # known patterns will do


@pytest.mark.slow
def test_derivatives_pass_through_a_loop_that_knows_its_numbers():
    memory, q = GREY_MEMORY, jnp.asarray(NEAR[0])

    def end(q):
        return jnp.sum(simulate(memory, q, t1=0.2).final["value"] ** 2)

    step, direction = 1e-5, jnp.asarray(RNG.normal(size=10))
    differences = (end(q + step * direction) - end(q - step * direction)) / (2 * step)
    np.testing.assert_allclose(jax.grad(end)(q) @ direction, differences, rtol=1e-7)


# --- what libraries make of a model


@pytest.mark.broad
def test_what_equinox_filters_can_be_shown():
    eqx = pytest.importorskip("equinox")
    for name in ("modern", "euclidean", "classical", "hierarchical", "bidirectional", "sdm"):
        make, rows, cues = CASES[name]
        memory, q = make(jnp.asarray(rows)), jnp.asarray(cues)
        slopes = eqx.filter_grad(lambda memory, q=q: jnp.sum(memory.recall(q)))(memory)
        assert type(memory).__name__ in repr(slopes)
        assert type(memory).__name__ in repr(eqx.filter(memory, lambda leaf: False))
        assert type(memory).__name__ in repr(jax.tree_util.tree_map(lambda leaf: object(), memory))
        stepped = eqx.apply_updates(memory, slopes)
        np.testing.assert_allclose(
            np.asarray(eqx.filter_jit(lambda memory, q: memory.recall(q))(stepped, q)), np.asarray(stepped.recall(q))
        )


def test_a_model_made_before_jax_is_imported_is_an_argument_afterwards(tmp_path):
    import subprocess
    import sys

    code = """
import sys
import numpy as np
from hopfield import ModernHopfield
memory = ModernHopfield(np.eye(2, dtype="float32"), beta=4.0)
assert "jax" not in sys.modules
import jax
made = ModernHopfield(np.eye(2, dtype="float32"), beta=4.0)
print(jax.jit(lambda memory, q: memory.recall(q))(memory.to("jax"), jax.numpy.ones(2)).shape)
print(len(jax.tree_util.tree_leaves(memory)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stdout.split() == ["(2,)", str(len(jax.tree_util.tree_leaves(GREY_MEMORY)))], done.stderr


class Halved(ModernHopfield):
    """A model of a user's own, without fields of its own."""

    def recall(self, query, known=None):
        return super().recall(query, known) / 2


def test_a_subclass_without_fields_is_moved_and_traced_like_its_parent():
    memory = Halved(GREY, beta=3.0)
    expected = memory.recall(NEAR)
    there = memory.to("jax")
    assert type(there) is Halved
    assert isinstance(there.memories, jax.Array)
    np.testing.assert_allclose(np.asarray(jax.jit(lambda m, q: m.recall(q))(there, jnp.asarray(NEAR))), expected)


@pytest.mark.broad
def test_what_is_computed_once_is_kept():
    memory = ContinuousSDM(jnp.asarray(SIGNS))
    jax.jit(memory.recall)(jnp.asarray(CUES))
    assert memory.network is memory.network
    assert memory.adiabatic().network is memory.adiabatic().network
