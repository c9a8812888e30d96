"""Every model keeps the contract of `Model`: one battery over the catalogue, one with pairs, and one from outside."""

# What has the wrong type here has it on purpose, or is known better than its stubs say.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportIndexIssue=false

import inspect
import json
import warnings

import numpy as np
import pytest

from helpers import LIBRARIES, epsilon, to_library, to_numpy
from hopfield import analysis
from hopfield.dynamics import Network, Relaxation, simulate
from hopfield.models import (
    BidirectionalMemory,
    ClassicalHopfield,
    ContinuousSDM,
    DenseAssociativeMemory,
    Model,
    ModernHopfield,
    SparseDistributedMemory,
    build,
    catalogue,
)

WIDTH = 12
PATTERNS = np.random.default_rng(3).choice([-1.0, 1.0], size=(3, WIDTH))
CUES = PATTERNS[[0, 1, 2, 0, 1, 2]].reshape(2, 3, WIDTH) * np.where(np.arange(WIDTH) == 4, -1.0, 1.0)
KNOWN = np.arange(WIDTH) % 3 != 1
SETTINGS = {"sdm": {"n_locations": 150, "dtype": "float64"}, "universal": {"similarity": "euclidean"}}
OTHER = {  # a setting of each model, and a value that it does not have
    "universal": ("beta", 2.5),
    "modern": ("tau_memory", 0.0),
    "classical": ("beta", 2.5),
    "dense": ("gain", 2.5),
    "exponential": ("beta", 0.5),
    "continuous_sdm": ("beta", 2.5),
    "sdm": ("ties", "up"),
    "bidirectional": ("beta", 2.5),
    "pairs": ("beta", 2.5),
    "half": ("beta", 2.5),
}
NAMES = [entry.name for entry in catalogue()]
BINARY = [entry.name for entry in catalogue() if entry.states != "continuous"]
FLOWS = [entry.name for entry in catalogue() if entry.network]
EVERY = pytest.mark.parametrize("name", [*NAMES, "pairs"])
WITH_NETWORK = pytest.mark.parametrize("name", [*FLOWS, "pairs"])


def less_on_jax(names, few):
    """Models by library; on JAX, which compiles, those that are not in `few` are slow tests."""
    cases = [(name, library) for library in LIBRARIES for name in names]
    slow = [pytest.mark.slow if library == "jax" and name not in few else () for name, library in cases]
    return [pytest.param(*case, marks=mark, id="-".join(case)) for case, mark in zip(cases, slow, strict=True)]


def model(name, dtype="float64"):
    patterns = PATTERNS.astype(dtype)
    if name == "pairs":
        return ModernHopfield(patterns, projection=patterns[:, :5])
    settings = SETTINGS.get(name, {})
    return build(name, patterns, **(settings | {"dtype": dtype} if name == "sdm" else settings))


def same(found, expected, dtype="float64", factor=500):
    assert found.shape == expected.shape
    size = max(1.0, float(np.abs(expected).max(initial=0.0)))
    np.testing.assert_allclose(to_numpy(found), to_numpy(expected), atol=factor * epsilon(dtype) * size, rtol=0)


# ------------------------------------------------------------------------------------------------- the shape


@EVERY
def test_a_model_has_what_the_contract_names(name):
    memory = model(name)
    assert isinstance(memory, Model)
    assert not inspect.isabstract(type(memory))
    for method in ("check_query", "recall", "retrieve", "energy", "start", "nearest"):
        first = next(iter(inspect.signature(getattr(memory, method)).parameters))
        assert first == ("state" if method == "nearest" else "query")
    usual = {"known": None, "hold": False, "max_steps": 100, "tol": None}
    for method in (memory.recall, memory.retrieve):
        for argument, parameter in inspect.signature(method).parameters.items():
            if argument in usual:
                assert parameter.default is usual[argument] or parameter.default == usual[argument]
    assert isinstance(memory.notes(), list)
    if name == "hierarchical":
        assert memory.patterns is None
    else:
        same(memory.patterns, PATTERNS)
    assert repr(memory).startswith(f"{type(memory).__name__}(")
    assert memory.adiabatic().adiabatic() is memory.adiabatic()


@EVERY
def test_shapes_lead_with_the_axes_of_the_batch(name):
    memory = model(name)
    width = 5 if name == "pairs" else WIDTH
    for cues in (CUES, CUES[0], CUES[0, 0], CUES[:, :0], CUES[:0, 0]):
        batch = cues.shape[:-1]
        assert memory.check_query(cues).shape == cues.shape
        assert memory.recall(cues).shape == (*batch, width)
        found = memory.retrieve(cues)
        assert found.state.shape == cues.shape
        for field in ("steps", "converged", "residual", "energy", "pattern", "verdict"):
            assert getattr(found, field).shape == batch, field
        if name in (*FLOWS, "pairs"):
            assert memory.energy(cues).shape == batch
        if name != "hierarchical":
            assert memory.nearest(cues).shape == batch


@EVERY
def test_a_batch_is_answered_as_its_queries_one_by_one(name):
    memory = model(name)
    found, recalled = memory.retrieve(CUES[0]), memory.recall(CUES[0])
    for row, cue in enumerate(CUES[0]):
        alone = memory.retrieve(cue)
        same(recalled[row], memory.recall(cue))
        same(found.state[row], alone.state, factor=2000)
        assert (int(found.pattern[row]), str(found.verdict[row])) == (int(alone.pattern), str(alone.verdict))
        if name in FLOWS:
            same(memory.energy(CUES[0])[row], memory.energy(cue))


@EVERY
def test_float32_stays_float32_and_agrees(name):
    memory, wide = model(name, "float32"), model(name)
    cues = CUES.astype("float32")
    assert memory.recall(cues).dtype == memory.retrieve(cues).state.dtype == np.float32
    if name != "sdm":
        same(memory.recall(cues), wide.recall(CUES), "float32")
    if name in FLOWS:
        assert memory.energy(cues).dtype == np.float32
        same(memory.energy(cues), wide.energy(CUES), "float32")


@pytest.mark.parametrize(
    ("name", "library"),
    [
        case
        for case in less_on_jax([*NAMES, "pairs"], ["modern", "classical", "sdm", "bidirectional"])
        if "numpy" not in case.values
    ],
)
def test_there_and_back_gives_equal_answers(name, library):
    memory = model(name)
    there = memory.to(library)
    cues = to_library(CUES[0], library)
    recalled = there.recall(cues)
    assert type(recalled) is type(cues)
    same(to_numpy(recalled), memory.recall(CUES[0]))
    if name in FLOWS:
        same(to_numpy(there.energy(cues)), memory.energy(CUES[0]))
    back = there.to("numpy")
    same(back.recall(CUES[0]), memory.recall(CUES[0]), factor=1)
    assert repr(back) == repr(memory)


@EVERY
def test_a_file_gives_the_model_back(name, tmp_path):
    memory = model(name)
    path = memory.save(tmp_path / "memory")
    for kind in (Model, type(memory)):
        back = kind.load(path)
        assert type(back) is type(memory)
        assert repr(back) == repr(memory)
        same(back.recall(CUES), memory.recall(CUES), factor=0)


@EVERY
def test_replace_changes_what_is_named_and_keeps_the_rest(name):
    memory = model(name)
    again = memory.replace()
    assert again is not memory
    assert repr(again) == repr(memory)
    same(again.recall(CUES), memory.recall(CUES), factor=0)
    if name == "hierarchical":
        layers = [*memory.layers[:-1], (3, "softmax(2)")]
        changed = memory.replace(layers=layers)
        assert changed.weights[0] is memory.weights[0]
        assert "softmax(2" in repr(changed)
        return
    setting, value = OTHER[name]
    changed, before = memory.replace(**{setting: value}), memory.settings()
    for key, kept in changed.settings().items():
        if key == setting:
            assert kept == value
        elif isinstance(kept, np.ndarray):
            np.testing.assert_array_equal(kept, before[key])
        elif isinstance(kept, float | int | str | None):
            assert kept == before[key], key
    with pytest.raises(TypeError, match="no_such"):
        memory.replace(no_such=1)


def test_replaced_patterns_are_learnt():
    memory = ClassicalHopfield(PATTERNS, "storkey", beta=2.0)
    fresh = memory.replace(memories=-PATTERNS[:2])
    same(fresh.couplings, ClassicalHopfield(-PATTERNS[:2], "storkey").couplings, factor=1)
    assert fresh.beta == 2.0
    given = ClassicalHopfield(PATTERNS, couplings=np.ones((WIDTH, WIDTH)))
    assert (given.replace(memories=PATTERNS[:1]).couplings == 1).all()
    same(given.replace(learning="hebbian").couplings, ClassicalHopfield(PATTERNS).couplings, factor=1)


@EVERY
def test_a_query_of_another_width_is_refused_in_one_wording(name):
    memory = model(name)
    methods = [memory.check_query, memory.recall, memory.retrieve]
    if name != "sdm":
        methods += [memory.energy, memory.start]
    for method in methods:
        for shape in ((13,), (), (2, 0)):
            words = rf"query has shape \({', '.join(map(str, shape))},?\) but must be \(\.\.\., 12\): "
            with pytest.raises(ValueError, match=words):
                method(np.ones(shape))
    if name not in ("hierarchical", "sdm"):
        for shape, count in (((13,), 13), ((), 0)):
            with pytest.raises(ValueError, match=f"The patterns have 12 values and the states {count}"):
                memory.nearest(np.ones(shape))


# ------------------------------------------------------------------------------------------------ the energy


@WITH_NETWORK
def test_the_energy_of_a_query_is_that_of_the_state_where_the_dynamics_begin(name):
    memory = model(name)
    energy, found = memory.energy(CUES), memory.retrieve(CUES)
    slack = 200 * epsilon("float64") * np.abs(energy).max()
    assert (found.energy <= energy + slack).all()
    assert (found.energy < energy - slack).any()
    if not memory.binary:
        same(energy, memory.network.energy(memory.start(CUES)), factor=10)
        run = simulate(memory, CUES, t1=1.0, integrator=Relaxation(0.1))
        same(run.energy[0], energy, factor=50)
    elif name != "bidirectional":
        same(found.energies[0], energy, factor=10)
    else:
        left = np.sign(CUES @ memory.couplings)
        same(energy, -(CUES @ memory.couplings * left).sum(-1), factor=10)
        same(energy, memory.energy(CUES, memory.recall(CUES)), factor=10)


def gradient(function, x, library):
    if library == "jax":
        return pytest.importorskip("jax").grad(function)(x)
    return pytest.importorskip("torch").func.grad(function)(x)


@pytest.mark.parametrize(
    ("name", "library"),
    [
        case
        for case in less_on_jax(["universal", "modern", "continuous_sdm", "pairs"], ["modern"])
        if "numpy" not in case.values
    ],
)
def test_the_gradient_of_the_energy_of_a_query_is_minus_the_force(name, library):
    memory, cue = model(name).to(library), CUES[0, 0] * 0.6
    slope = gradient(memory.energy, to_library(cue, library), library)
    force = model(name).network.velocity(model(name).start(cue))["value"]  # tau_value = 1
    same(to_numpy(slope), -force, factor=2000)


@WITH_NETWORK
def test_the_gradient_of_the_networks_energy_is_minus_the_force(name):
    library = next((name for name in ("torch", "jax") if name in LIBRARIES), None)
    if library is None:
        pytest.skip("no library differentiates here")
    plain, memory = model(name), model(name).to(library)
    states = plain.start(0.6 * CUES[0, 0])
    velocity = plain.network.velocity(states)
    moved = {key: to_library(x, library) for key, x in states.items()}
    for key, p in plain.network.populations.items():

        def energy(x, key=key):
            return memory.network.energy({**moved, key: x})

        force = p.lagrangian.curvature(states[key], to_numpy(p.tau) * velocity[key])
        same(to_numpy(gradient(energy, moved[key], library)), -force, factor=5000)


def test_a_memory_without_an_energy_says_so():
    memory = model("sdm")
    for ask in (memory.energy, memory.start):
        with pytest.raises(TypeError, match="no dynamics in time and no energy"):
            ask(CUES)
    assert np.isnan(memory.retrieve(CUES).energy).all()


# ---------------------------------------------------------------------------------------- known and held neurons


@pytest.mark.parametrize("name", [name for name in NAMES if name != "sdm"])
def test_known_and_hold_mean_the_same_in_every_model(name):
    memory = model(name)
    cue, noise = PATTERNS * np.where(np.arange(WIDTH) == 3, -1.0, 1.0), np.where(KNOWN, PATTERNS, np.nan)
    spoiled, other = np.where(KNOWN, cue, np.nan), np.where(KNOWN, cue, 1.0)
    for hold in (False, True):
        first, second = (memory.retrieve(x, known=KNOWN, hold=hold) for x in (spoiled, other))
        np.testing.assert_array_equal(first.state, second.state)
        if hold:
            same(first.state[:, KNOWN], cue[:, KNOWN], factor=4)
            whole = memory.retrieve(cue, known=np.ones(WIDTH, dtype=bool), hold=True)
            same(whole.state, cue, factor=4)
        assert (memory.retrieve(noise, known=KNOWN, hold=hold).pattern == np.arange(3)).all()
    assert (memory.recall(spoiled, known=KNOWN) == memory.recall(other, known=KNOWN)).all()
    with pytest.raises(ValueError, match="say which ones are known, known=mask"):
        memory.retrieve(cue, hold=True)
    with pytest.raises(TypeError, match="hold must be True or False"):
        memory.retrieve(cue, known=KNOWN, hold=KNOWN)
    with pytest.raises(TypeError, match="hold must be True or False"):
        memory.retrieve(cue, known=KNOWN, hold=[1, [2, 3]])
    with pytest.raises(ValueError, match=r"known must be a mask of bools \(\.\.\., 12\)"):
        memory.retrieve(cue, known=KNOWN[:5])
    with pytest.raises(ValueError, match="known marks no component"):
        memory.recall(cue, known=np.zeros(WIDTH, dtype=bool))


@pytest.mark.parametrize(("name", "library"), less_on_jax(["classical", "dense", "exponential"], ["classical"]))
def test_held_neurons_flip_in_no_mode_and_at_no_temperature(name, library):
    memory = model(name).to(library)
    mask = np.stack([KNOWN, ~KNOWN, np.arange(WIDTH) < 4])
    cue = to_library(CUES[0], library)
    for options in ({}, {"mode": "synchronous"}, {"temperature": 5.0, "max_steps": 4}):
        found = memory.retrieve(cue, known=mask, hold=True, **options)
        np.testing.assert_array_equal(to_numpy(found.state)[mask], CUES[0][mask])
    for row, held in enumerate(mask):
        state = to_numpy(memory.retrieve(cue, known=mask, hold=True).state)[row]
        margins = model(name).stability(state)
        assert (margins[~held] >= 0).all()  # the others rest
    same(to_numpy(memory.recall(cue, known=mask)), model(name).recall(CUES[0], known=mask))


def test_half_of_a_pair_brings_the_other_side():
    rng = np.random.default_rng(0)
    left, right = rng.choice([-1.0, 1.0], (2, 20)), rng.choice([-1.0, 1.0], (2, 9))
    memory, half = BidirectionalMemory(left, right), np.arange(20) < 10
    np.testing.assert_array_equal(memory.recall(np.where(half, left, np.nan), known=half), right)
    found = memory.retrieve(np.where(half, left, np.nan), known=half, hold=True)
    np.testing.assert_array_equal(found.output, right)
    np.testing.assert_array_equal(found.state, left)


# ---------------------------------------------------------------------------------------- a model from outside


class Tied:
    """A network with a start, of a class that knows nothing of this package."""

    def __init__(self, inner):
        self.network, self.inner = inner.adiabatic().network, inner.adiabatic()

    def start(self, query, memory_state=None):
        return self.inner.start(query)


def test_an_object_with_a_network_and_a_start_is_welcome_everywhere():
    inner = model("modern")
    foreign = Tied(inner)
    run = simulate(foreign, CUES[0], t1=5.0)
    same(run.activations["value"][-1], simulate(inner.adiabatic(), CUES[0], t1=5.0).activations["value"][-1])
    assert analysis.check_lyapunov(foreign, run).holds
    flow = analysis.field(foreign, patterns=PATTERNS)
    found, known = (analysis.find_fixed_points(one, batches=1, seed=0) for one in (flow, inner))
    same(np.sort(found.energy), np.sort(known.energy), factor=1e6)
    labels = analysis.basins_of_attraction(flow, CUES[0], found, timed=False).labels
    assert (found.pattern[labels] == np.arange(3)).all()
    for thing in (foreign, foreign.network):
        with pytest.raises(TypeError, match="keeps no stored patterns"):
            analysis.plot_overlaps(thing, run)
        with pytest.raises(TypeError, match="memory neurons' weights"):
            analysis.effective_memories(thing, CUES)
    assert isinstance(foreign.network, Network)


# --------------------------------------------------------------------------------------------- names of 0.1.0


def test_names_of_the_version_before_work_and_say_what_to_write():
    with pytest.warns(DeprecationWarning, match=r"write learning=\.\.\. for rule=") as told:
        memory = ClassicalHopfield(PATTERNS, rule="storkey")
    assert told[0].filename == __file__
    with pytest.warns(DeprecationWarning, match="is called learning"):
        assert memory.rule == memory.learning == "storkey"
    with pytest.warns(DeprecationWarning, match="learning"):
        assert memory.replace(rule="hebbian").learning == "hebbian"
    with pytest.warns(DeprecationWarning, match="learning"):
        assert build("classical", PATTERNS, rule="storkey").learning == "storkey"
    pairs = BidirectionalMemory(PATTERNS, PATTERNS)
    with pytest.warns(DeprecationWarning, match="is called couplings"):
        np.testing.assert_array_equal(pairs.weights, pairs.couplings)
    modern = model("modern")
    with pytest.warns(DeprecationWarning, match=r"write hold=\.\.\. for clamp=") as told:
        found = modern.retrieve(CUES, known=KNOWN, clamp=True)
    assert told[0].filename == __file__
    np.testing.assert_array_equal(found.state, modern.retrieve(CUES, known=KNOWN, hold=True).state)
    with (
        pytest.warns(DeprecationWarning, match="hold"),
        pytest.raises(TypeError, match="which neurons stay at the cue is said by known"),
    ):
        modern.retrieve(CUES, clamp=KNOWN)
    for name in BINARY:
        with pytest.warns(DeprecationWarning, match="tol has no effect"):
            model(name).retrieve(CUES, tol=1e-3)
    with pytest.warns(DeprecationWarning, match=r"write query=\.\.\. for address="):
        model("sdm").recall(address=CUES)
    with pytest.raises(TypeError, match="the same: leave out rule"):
        ClassicalHopfield(PATTERNS, learning="storkey", rule="storkey")


def test_a_file_of_the_version_before_is_read_without_a_warning(tmp_path):
    memory = ClassicalHopfield(PATTERNS, "storkey", beta=3.0)
    with np.load(memory.save(tmp_path / "new")) as file:
        arrays = dict(file)
    header = json.loads(str(arrays["header"]))
    header["settings"]["rule"] = header["settings"].pop("learning")
    np.savez(tmp_path / "old.npz", **{**arrays, "header": np.asarray(json.dumps(header))})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        back = ClassicalHopfield.load(tmp_path / "old.npz")
    assert repr(back) == repr(memory)


def test_the_patterns_of_a_continuous_sdm_are_its_addresses_and_it_says_so():
    memory = ContinuousSDM(PATTERNS, PATTERNS[:, :5])
    with pytest.warns(FutureWarning, match=r"read \.projection"):
        assert memory.patterns is memory.memories
    assert (memory.nearest(PATTERNS) == np.arange(3)).all()


def test_copies_and_reverses_have_the_row_of_their_pattern():
    memory = DenseAssociativeMemory(PATTERNS)
    assert memory.similar(PATTERNS).tolist() == [0, 1, 2]
    assert (memory.similar(-PATTERNS) != np.arange(3)).all()
    assert SparseDistributedMemory.random(50, WIDTH, seed=0).similar(PATTERNS).tolist() == [-1, -1, -1]


def test_a_tolerance_in_its_old_place_is_left_out_with_a_warning():
    memory = ClassicalHopfield([[1.0, -1.0, 1.0]])
    with pytest.warns(DeprecationWarning, match="retrieve: tol has no effect"):
        found = memory.retrieve([1.0, -1.0, -1.0], 20, 1e-6)
    assert found.state.tolist() == [1.0, -1.0, 1.0]
    with pytest.raises(TypeError, match="positional"):
        memory.retrieve([1.0, -1.0, -1.0], 20, 1e-6, "asynchronous")
