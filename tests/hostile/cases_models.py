"""Valid calls of `hopfield.models`: every memory with its methods, and the parts that memories are made of."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hopfield import dynamics as d
from hopfield import models as m

from .cases import Case, case

P = np.array([[1.0, 0.5, -0.5, 0.2], [-1.0, 0.25, 0.5, 1.0], [0.1, -0.5, 1.0, 0.5]])
SIGNS = np.array(
    [[1.0, 1.0, -1.0, -1.0, 1.0, -1.0], [-1.0, 1.0, 1.0, -1.0, -1.0, -1.0], [1.0, -1.0, 1.0, 1.0, 1.0, -1.0]]
)
RIGHT = np.array([[1.0, 1.0, -1.0], [-1.0, 1.0, 1.0], [1.0, -1.0, 1.0]])
CUE = np.array([0.9, 0.4, -0.4, 0.1])
BITS = np.array([1.0, 1.0, -1.0, -1.0, 1.0, 1.0])
WEIGHTS = SIGNS.T @ SIGNS / 6


def used(memory: Any) -> Any:
    """What everyone does with a memory that was made."""
    rows = memory.memories if hasattr(memory, "memories") else np.zeros((1, memory.layers[0].size))
    if rows is None:
        rows = memory.locations
    answers = [repr(memory)]
    for verb in (memory.recall, memory.retrieve):
        answers.append(_told(verb, rows[0]))
    if hasattr(memory, "network"):
        answers.append(_told(lambda: d.simulate(memory, rows[0], t1=0.2)))
    return answers


def _told(verb: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return verb(*arguments)
    except (ValueError, TypeError, d.SimulationError) as error:
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        from .verdict import is_ours

        if frame is not None and is_ours(frame.tb_frame.f_code.co_filename):
            return str(error)  # it need not be good for everything
        raise


def _universal(*arguments: Any, **options: Any) -> Any:
    return m.UniversalHopfield(*arguments, **options)


def memories() -> list[Any]:
    """One of each kind that has the verbs of the universal family."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        positive = np.abs(P) + 0.1
        return [
            m.ModernHopfield(P, beta=4.0),
            m.ModernHopfield(P, beta=4.0, projection=RIGHT, tau_memory=0.0),
            m.UniversalHopfield(P, "euclidean", beta=2.0),
            m.UniversalHopfield(P, "cosine", beta=2.0),
            m.UniversalHopfield(P, "manhattan", "max"),
            m.UniversalHopfield(positive, "kl"),
            m.UniversalHopfield(positive, "jensen_shannon"),
            m.UniversalHopfield(P, "normalised(manhattan)", "sqrt"),
            m.UniversalHopfield(SIGNS, "hamming", "top_k(2)"),
            m.ContinuousSDM(P),
            m.DenseAssociativeMemory(SIGNS),
            m.ExponentialMemory(SIGNS),
        ]


def cases() -> list[Case]:
    """Constructors, verbs, files."""
    found = [
        case(
            m.UniversalHopfield,
            P,
            "dot",
            "softmax",
            projection=RIGHT,
            beta=2.0,
            tau_value=1.0,
            tau_memory=0.1,
            leak=1.0,
            bias=np.zeros(4),
            value_lagrangian=d.Quadratic(),
            then=used,
        ),
        case(m.ModernHopfield, P, 4.0, projection=RIGHT, tau_value=1.0, tau_memory=0.1, bias=0.0, then=used),
        case(m.ContinuousSDM, P, RIGHT, beta=10.0, tau_value=1.0, tau_memory=0.1, bias=0.0, then=used),
        case(m.ContinuousSDM.from_radius, 2, SIGNS, RIGHT, then=used),
        case(
            m.ClassicalHopfield,
            SIGNS,
            "hebbian",
            zero_diagonal=True,
            beta=4.0,
            tau_value=1.0,
            bias=0.0,
            margin=0.5,
            max_epochs=10,
            symmetric=True,
            couplings=None,
            then=used,
        ),
        case(m.ClassicalHopfield, SIGNS, "perceptron", margin=0.1, max_epochs=100, symmetric=False, then=used),
        case(m.ClassicalHopfield, SIGNS, couplings=WEIGHTS, bias=np.zeros(6), then=used),
        case(
            m.DenseAssociativeMemory,
            SIGNS,
            3,
            False,
            beta=0.2,
            projection=RIGHT,
            gain=4.0,
            tau_value=1.0,
            tau_memory=0.0,
            bias=0.0,
            then=used,
        ),
        case(
            m.ExponentialMemory,
            SIGNS,
            1.0,
            projection=RIGHT,
            gain=4.0,
            tau_value=1.0,
            tau_memory=0.0,
            bias=0.0,
            then=used,
        ),
        case(m.BidirectionalMemory, SIGNS, RIGHT, beta=2.0, tau_left=1.0, tau_right=1.0, then=used),
        case(
            m.SparseDistributedMemory,
            SIGNS,
            np.zeros((3, 6)),
            design="radius",
            radius=2,
            k=1,
            coding="bipolar",
            ties="keep",
            written=SIGNS,
            then=used,
        ),
        case(
            m.SparseDistributedMemory.random,
            50,
            6,
            data_width=6,
            design="radius",
            radius=2,
            fraction=0.1,
            k=2,
            coding="bipolar",
            ties="up",
            seed=0,
            dtype="float64",
            then=used,
        ),
        case(m.HierarchicalMemory, [m.Layer(4), m.Layer(3, "softmax(2)")], [P.T], then=used),
        case(
            m.HierarchicalMemory.random, [4, (3, "tanh"), 2], [None, None], gain=1.0, seed=0, dtype="float64", then=used
        ),
        case(m.HierarchicalMemory.from_patterns, P, 16, beta=8.0, level=0.8, seed=0, then=used),
        case(m.build, "modern", P, beta=4.0, then=used),
        case(m.build, "sdm", SIGNS, n_locations=50, seed=1, then=used),
        case(m.build, "bidirectional", SIGNS, partners=RIGHT, beta=1.0, then=used),
    ]
    for memory in memories():
        cue = (
            BITS
            if memory.memories.shape[1] == 6
            else np.abs(CUE)
            if "kl" in repr(memory) or "jensen" in repr(memory)
            else CUE
        )
        cues, known = np.stack([cue, memory.memories[1]]), np.arange(len(cue)) < 3
        found += [
            case(memory.recall, cues, known=known),
            case(memory.recall, cue),
            case(memory.scores, cues),
            case(memory.weights, cues),
            case(memory.check_query, cues),
        ]
        if "hamming" not in repr(memory) and "normalised" not in repr(memory):
            found += [
                case(memory.retrieve, cues, *((50,) if memory.binary else (50, 1e-6))),
                case(memory.start, cues),
                case(memory.to, "numpy", device="cpu", dtype="float64", then=used),
            ]
    found += [
        case(memories()[0].retrieve, np.stack([CUE, P[0]]), 50, 1e-6, known=np.arange(4) < 3, hold=True),
        case(memories()[0].start, CUE, np.zeros(3)),
        *_binary(),
        *_others(),
        *_files(),
    ]
    return found


def _binary() -> list[Case]:
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        some = [m.ClassicalHopfield(SIGNS), m.DenseAssociativeMemory(SIGNS), m.ExponentialMemory(SIGNS)]
    cues = np.stack([BITS, SIGNS[0]])
    for memory in some:
        found += [
            case(memory.energy, cues),
            case(memory.energy_change, cues),
            case(memory.stability, cues),
            case(memory.retrieve, cues, 20, mode="asynchronous", order="random", temperature=0.0, seed=0),
            case(memory.retrieve, cues, 20, mode="synchronous"),
            case(memory.retrieve, cues, 5, temperature=0.5, seed=1),
            case(memory.glauber, cues, 0.5, sweeps=10, every=2, order="cyclic", seed=0),
            case(memory.check_binary, "state", cues),
        ]
    classical = some[0]
    return [
        *found,
        case(classical.recall, cues),
        case(classical.scores, cues),
        case(classical.two_time_energy, cues, cues),
        case(classical.start, cues),
    ]


def _others() -> list[Case]:
    both = m.BidirectionalMemory(SIGNS, RIGHT)
    sparse = m.SparseDistributedMemory.random(50, 6, fraction=0.1, seed=0).write(SIGNS)
    layered = m.HierarchicalMemory.from_patterns(P, 16)
    held = np.array([True, False, True, False])
    return [
        case(both.energy, SIGNS, RIGHT),
        case(both.recall, SIGNS, "right"),
        case(both.retrieve, SIGNS, 20, toward="right", other=RIGHT),
        case(both.start, SIGNS[0], RIGHT[0], "right"),
        case(both.check_query, SIGNS, "right"),
        case(both.modern, 2.0, then=used),
        case(sparse.activated, SIGNS),
        case(sparse.write, SIGNS, SIGNS, times=1.0, record=True, then=used),
        case(sparse.sums, SIGNS),
        case(sparse.read, SIGNS),
        case(sparse.retrieve, SIGNS, 20),
        case(sparse.nearest, SIGNS),
        case(layered.recall, np.stack([CUE, P[0]])),
        case(layered.retrieve, np.stack([CUE, P[0]]), 20, 1e-6, clamp=held),
        case(layered.start, CUE, {"layer1": np.zeros(16)}),
    ]


def _files() -> list[Case]:
    folder = Path(tempfile.mkdtemp(prefix="hostile"))
    memory = m.ModernHopfield(P)
    path = memory.save(folder / "memory")

    def save(path: Any) -> Any:
        if not isinstance(path, str | Path) or len(str(path)) < 3:  # a file of a short name in the working folder
            return memory.save(path)
        return memory.save(folder / "x" if str(path) == "nonsense" else path)

    return [case(save, str(folder / "other")), case(m.ModernHopfield.load, str(path))]


def parts() -> list[Case]:
    """Similarities, separations, chains, layers, circles."""
    from hopfield.models import circles

    found = [
        case(m.similarity, "euclidean"),
        case(m.separation, "polynomial(2)"),
        case(m.separation, "softmax(2)"),
        case(m.separation, "top_k(2)"),
        case(m.separation, "threshold(0.5)"),
        case(m.normalised, "kl", 1e-4),
        case(m.published, "manhattan"),
        case(m.Normalised, m.KullbackLeibler(), 1e-4),
        case(
            m.Custom, lambda M, g: g @ M.T, lambda M, g, f: f @ M, 1.0, then=lambda s: used(m.UniversalHopfield(P, s))
        ),
        case(m.UniversalHopfield, P, lambda M, g: g @ M.T, then=lambda memory: memory.recall(CUE)),
        case(m.chain, P, cyclic=True, separation="max", beta=2.0, then=used),
        case(m.chain, m.ModernHopfield(P), cyclic=False, then=used),
        case(m.recall_sequence, P, CUE, 3, cyclic=True, beta=20.0),
        case(m.recall_sequence, m.ModernHopfield(P, beta=20.0), np.stack([CUE, CUE]), 3),
        case(m.Layer, (4,), "tanh", 1.0, 1.0, np.zeros(4), then=repr),
        case(m.Layer, 4, "softmax(2)", then=repr),
        case(
            m.Kernel,
            np.ones((2, 1, 1)),
            1,
            0,
            then=lambda k: used(m.HierarchicalMemory([m.Layer((4, 1)), m.Layer((3, 1))], [k])),
        ),
        case(circles.circle_fraction, 64, 11),
        case(circles.radius_of, 64, 0.01),
        case(circles.circle_intersection, 64, 11, np.array([0, 1, 2]), log=True),
        case(circles.beta_from_radius, 64, 11, 5),
        case(circles.signal_to_noise, 64, 20, 1000, 10, 3),
        case(circles.distance_after_read, 64, 20, 1000, 10, 3, True),
        case(circles.critical_distance, 64, 20, 1000, 10),
    ]
    f = np.array([0.2, 0.3, 0.5])
    for name in ("dot", "cosine", "euclidean", "manhattan", "kl", "reverse_kl", "jeffreys", "jensen_shannon"):
        one = m.similarity(name)
        rows, g = np.abs(P) + 0.1, np.abs(CUE) + 0.1
        found += [
            case(one.scores, rows, g),
            case(one.pullback, rows, g, f),
            case(one.pushforward, rows, g, CUE),
            case(one.curvature, rows, g, f, CUE),
            case(one.prepare, rows),
            case(one.magnitude, rows, g, f),
        ]
        if name in ("dot", "cosine", "euclidean", "manhattan", "kl"):
            found.append(case(one.value_step, rows, g, f, ratio=0.5, leak=0.0))
    return found
