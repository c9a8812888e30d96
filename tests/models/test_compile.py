"""`torch.compile(fullgraph=True)` and `torch.export` go through a look-up, an energy and a rollout in one piece."""

import warnings

import numpy as np
import pytest

from helpers import few
from hopfield import rollout
from hopfield.models import HierarchicalMemory, UniversalHopfield, build

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(7)
GREY = torch.tensor(RNG.random((4, 10)) + 0.2)
NEAR = GREY[:3] * 1.1
SIGNS = torch.tensor(RNG.choice([-1.0, 1.0], size=(4, 10)))
SIMILARITIES = ["dot", "cosine", "euclidean", "manhattan", "kl", "reverse_kl", "jeffreys", "jensen_shannon"]
WRAPPED = ["normalised(dot)", "normalised(euclidean)", "normalised(kl)", "published(kl)"]
SEPARATIONS = ["max", "top_k(2)", "sparsemax", "entmax", "threshold(0.5)", "polynomial(3)", "log", "identity"]
CASES = {
    **{name: (lambda X, name=name: UniversalHopfield(X, name, beta=2.0), GREY, NEAR) for name in SIMILARITIES},
    "hamming": (lambda X: UniversalHopfield(X, "hamming"), SIGNS, SIGNS[1:]),
    **{name: (lambda X, name=name: UniversalHopfield(X, name, beta=2.0), GREY, NEAR) for name in WRAPPED},
    **{name: (lambda X, name=name: UniversalHopfield(X, "dot", name), GREY, NEAR) for name in SEPARATIONS},
    **{
        name: (lambda X, name=name: build(name, X), SIGNS, SIGNS[1:])
        for name in ("modern", "classical", "dense", "exponential", "continuous_sdm", "bidirectional", "sdm")
    },
    "hierarchical": (lambda W: HierarchicalMemory([4, (10, "softmax")], [W]), GREY, GREY[:, :4]),
}
QUICK = [*SIMILARITIES, "hamming", "normalised(kl)", "classical", "sdm", "hierarchical"]


@pytest.fixture(autouse=True)
def _fresh():
    torch._dynamo.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def whole(function, **options):
    return torch.compile(function, fullgraph=True, backend="eager", **options)


@pytest.mark.parametrize(
    "name",
    [
        *few(QUICK, ["euclidean"]),
        *(pytest.param(name, marks=pytest.mark.slow) for name in CASES if name not in QUICK),
    ],
)
def test_recall_is_one_graph(name):
    make, rows, cues = CASES[name]
    memory = make(rows)
    found = whole(memory.recall)(cues)
    torch.testing.assert_close(found, make(rows).recall(cues), rtol=0, atol=1e-13)
    torch.testing.assert_close(memory.recall(cues), found, rtol=0, atol=1e-13)  # and eagerly afterwards


def test_a_model_built_inside_and_one_of_another_beta():
    built = whole(lambda X, q: UniversalHopfield(X, "euclidean", beta=2.0).recall(q))
    torch.testing.assert_close(built(GREY, NEAR), UniversalHopfield(GREY, "euclidean", beta=2.0).recall(NEAR))
    given = whole(lambda memory, q: memory.recall(q))
    for beta in (1.0, 2.0, 3.5):
        memory = UniversalHopfield(GREY, "euclidean", beta=beta)
        torch.testing.assert_close(given(memory, NEAR), memory.recall(NEAR))


def test_batches_of_any_size():
    memory = UniversalHopfield(GREY, "euclidean", beta=2.0)
    recall = whole(memory.recall, dynamic=True)
    for cues in (NEAR, NEAR[:2], torch.cat([NEAR, NEAR])):
        torch.testing.assert_close(recall(cues), memory.recall(cues))


@pytest.mark.broad
def test_energies_and_rollouts_are_one_graph():
    memory = UniversalHopfield(GREY, "euclidean", beta=2.0)
    energy = whole(lambda q: memory.network.energy(memory.start(q)))
    torch.testing.assert_close(energy(NEAR), memory.network.energy(memory.start(NEAR)))
    end = whole(lambda q: rollout(memory, q, 0.1, 3)["value"])
    torch.testing.assert_close(end(NEAR), rollout(memory, NEAR, 0.1, 3)["value"])


@pytest.mark.broad
def test_half_precision_and_autocast_are_compiled():
    memory = UniversalHopfield(GREY.bfloat16(), "euclidean", beta=2.0)
    cues = NEAR.bfloat16()
    assert torch.equal(whole(memory.recall)(cues), memory.recall(cues))
    single = UniversalHopfield(GREY.float(), "euclidean", beta=2.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = whole(single.recall)(cues)
    assert torch.equal(found, single.recall(cues))


class Retriever(torch.nn.Module):
    def __init__(self, similarity):
        super().__init__()
        self.patterns, self.similarity = torch.nn.Parameter(GREY.clone()), similarity

    def forward(self, query):
        return UniversalHopfield(self.patterns, self.similarity, beta=2.0).recall(query)


@pytest.mark.parametrize("similarity", few(["euclidean", "manhattan"], 1))
def test_a_module_is_trained_through_the_compiled_graph(similarity):
    layer = Retriever(similarity)
    slopes = []
    for run in (layer, torch.compile(layer, fullgraph=True, backend="aot_eager")):
        layer.zero_grad()
        (run(NEAR) ** 2).sum().backward()
        slopes.append(layer.patterns.grad.clone())
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-12)


@pytest.mark.parametrize("strict", few([True, False], 1))
def test_a_module_is_exported(strict):
    layer = Retriever("euclidean")
    exported = torch.export.export(layer, (NEAR,), strict=strict).module()
    torch.testing.assert_close(exported(NEAR), layer(NEAR))
    memory = UniversalHopfield(GREY, "euclidean", beta=2.0)  # nothing of the export is kept
    torch.testing.assert_close(memory.recall(NEAR), layer(NEAR))


@pytest.mark.broad
def test_a_loop_inside_compile_names_what_to_use_instead():
    memory = build("modern", GREY)
    with pytest.raises(TypeError, match=r"retrieve looks at its numbers.*recall\(query\).*rollout"):
        torch.compile(lambda q: memory.retrieve(q).state, backend="eager")(NEAR)
    assert memory.retrieve(NEAR).state.shape == NEAR.shape
