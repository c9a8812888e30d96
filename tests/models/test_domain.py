"""The domain of cues: what each model takes, what is clipped, what is refused with the number."""

import numpy as np
import pytest

from helpers import IN_EACH, LIBRARIES, to_library, to_numpy
from hopfield import ModernHopfield, UniversalHopfield
from hopfield.dynamics import Exponential, LogCosh, LogSumExp, Network, Population, Quadratic, RectifiedPower, Softplus
from hopfield.models import HierarchicalMemory, build
from hopfield.models._domain import activations_of, domain_of
from hopfield.models.layered import Layer

SIGNS = np.random.default_rng(0).choice([-1.0, 1.0], (3, 8))
POSITIVE = np.random.default_rng(0).uniform(0.1, 1.0, (3, 8))
GRADED = ("classical", "dense", "exponential")
DIVERGENCES = ("kl", "reverse_kl", "jeffreys", "jensen_shannon")


@pytest.mark.parametrize(
    ("memory", "text"),
    [
        *((build(name, SIGNS), "[-1, 1]") for name in GRADED),
        *((UniversalHopfield(POSITIVE, name), "values > 0") for name in DIVERGENCES),
        (build("bidirectional", SIGNS), "all real vectors"),
        (build("hierarchical", SIGNS), "all real vectors"),
        (build("modern", SIGNS), "all real vectors"),
        (build("continuous_sdm", SIGNS), "all real vectors"),
        (UniversalHopfield(SIGNS, "dot", value_lagrangian=LogCosh()), "(-1, 1)"),
        (HierarchicalMemory([Layer(3, "sigmoid"), 2], [np.ones((3, 2))]), "(0, 1)"),
        (HierarchicalMemory([Layer(3, "relu"), 2], [np.ones((3, 2))]), "values >= 0"),
    ],
)
def test_every_model_says_what_it_takes(memory, text):
    assert str(memory.domain) == text
    assert str(domain_of(memory)) == text


@pytest.mark.parametrize("name", GRADED)
@IN_EACH
def test_a_cue_outside_by_rounding_is_clipped_and_by_more_refused_with_the_number(library, dtype, name):
    memory = build(name, to_library(SIGNS.astype(dtype), library))
    near = SIGNS * (1 + (1e-9 if dtype == np.float64 else 1e-6))
    cue = to_library(near.astype(dtype), library)
    assert (to_numpy(memory.check_query(cue)) == SIGNS).all()
    states, plain = memory.start(cue), memory.start(to_library(SIGNS.astype(dtype), library))
    assert (to_numpy(states["value"]) == to_numpy(plain["value"])).all()
    far = SIGNS.copy()
    far[1, 2] *= 1.25
    words = r"must lie in \[-1, 1\].* -?1\.25 at index \(1, 2\) does not \(1 of 24 values lie outside\)"
    with pytest.raises(ValueError, match=words):
        memory.start(to_library(far.astype(dtype), library))


def test_a_little_outside_is_not_rounding():
    with pytest.raises(ValueError, match=r"1\.000001 at index"):
        build("classical", SIGNS).start(np.full(8, 1 + 1e-6))
    with pytest.raises(ValueError, match=r"1\.3 at index"):
        build("dense", SIGNS).recall(np.full(8, 1.3))


def test_open_ends_take_no_rounding():
    memory = UniversalHopfield(0.5 * SIGNS, value_lagrangian=LogCosh(2.0))
    with pytest.raises(ValueError, match=r"must lie in \(-1, 1\).*LogCosh\(beta=2.0\); 1 at index"):
        memory.start(np.ones(8))
    assert np.isfinite(memory.start(np.full(8, 0.999))["value"]).all()


def test_what_no_state_has_is_refused_and_not_changed_in_silence():
    memory = HierarchicalMemory([Layer(3, "relu"), 2], [np.ones((3, 2))])
    with pytest.raises(ValueError, match=r"-0\.5 at index"):
        memory.start(np.array([1.0, -0.5, 0.0]))
    assert memory.start(np.array([1.0, 0.5, 0.0]))["layer0"].tolist() == [1.0, 0.5, 0.0]


@pytest.mark.parametrize("name", [*GRADED, *DIVERGENCES, "tanh", "sigmoid"])
def test_projected_cues_are_taken_and_projecting_again_changes_nothing(name):
    if name in GRADED:
        memory, stored = build(name, SIGNS), SIGNS
    elif name in DIVERGENCES:
        memory, stored = UniversalHopfield(POSITIVE, name), POSITIVE
    else:
        layer = {"tanh": LogCosh(), "sigmoid": Softplus()}[name]
        stored = 0.9 * POSITIVE
        memory = UniversalHopfield(stored, value_lagrangian=layer)
    cues = 3 * np.random.default_rng(1).standard_normal((40, 8))
    moved = memory.domain.project(cues)
    assert memory.domain.contains(moved).all()
    assert np.isfinite(memory.start(moved)["value"]).all()
    assert (memory.domain.project(moved) == moved).all()
    assert (memory.domain.project(stored) == stored).all()
    inside = memory.domain.contains(cues)
    assert not inside.all()
    # It is the nearest point of the box: every coordinate moves on its own, and not past another's.
    assert (np.abs(moved - cues) <= np.abs(stored[0] - cues) + 1e-12).all()


def test_rays_end_where_the_domain_does():
    domain = build("classical", SIGNS).domain
    center, rays = np.array([1.0, 0.5]), np.array([[-1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [-0.6, -0.8]])
    assert domain.reach(center, rays).tolist() == [2.0, 0.5, 0.0, 1.875]
    assert build("modern", SIGNS).domain.reach(center, rays).tolist() == [np.inf] * 4


def test_the_domain_of_a_network_is_that_of_its_neurons():
    network = Network({"x": Population(LogCosh(), 2), "y": Population(Quadratic(), 1)}, [])
    domain = domain_of(network)
    assert domain.contains(np.array([[0.5, -0.5, 9.0], [1.0, 0.0, 0.0]])).tolist() == [True, False]
    assert domain.project(np.array([3.0, 0.0, 9.0])).tolist() == [0.99, 0.0, 9.0]
    assert domain_of(Network({"x": Population(Quadratic(), 2)}, [])).everywhere


@pytest.mark.parametrize(
    ("lagrangian", "inside", "outside"),
    [
        (LogCosh(), 0.999, 1.0),
        (Softplus(), 0.001, 0.0),
        (Exponential(), 1e-9, 0.0),
        (LogSumExp(), 0.3, 0.0),
        (RectifiedPower(3), 0.0, -0.1),
    ],
)
def test_lagrangians_say_between_what_their_activations_lie(lagrangian, inside, outside):
    domain = activations_of(lagrangian)
    assert domain.contains(np.array([inside]))
    assert not domain.contains(np.array([outside]))
    x = np.linspace(-3, 3, 25)
    assert (lagrangian.activation(x) >= lagrangian.lowest).all()
    assert (lagrangian.activation(x) <= lagrangian.highest).all()


@pytest.mark.parametrize("name", [*GRADED, "bidirectional", "sdm"])
@IN_EACH
def test_bits_that_are_off_by_rounding_are_bits(library, dtype, name):
    memory = build(name, to_library(SIGNS.astype(dtype), library))
    near = (SIGNS * (1 + (1e-9 if dtype == np.float64 else 1e-6))).astype(dtype)
    found, plain = memory.retrieve(to_library(near, library)), memory.retrieve(to_library(SIGNS.astype(dtype), library))
    assert (to_numpy(found.state) == to_numpy(plain.state)).all()
    with pytest.raises(ValueError, match=r"1 only|\+1 and -1"):
        memory.retrieve(to_library((0.9 * SIGNS).astype(dtype), library))


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_bidirectional_memory_takes_real_cues_for_its_dynamics_alone(library):
    memory = build("bidirectional", to_library(SIGNS, library))
    cue = to_library(1.7 * SIGNS, library)
    assert memory.check_cue(cue) is cue
    with pytest.raises(ValueError, match="must hold -1 and 1 only"):
        memory.recall(cue)


def test_without_bounds_nothing_is_looked_at():
    memory = ModernHopfield(np.eye(3))
    cue = np.array([1e9, -1e9, 0.0])
    assert memory.domain.project(cue) is cue
    assert memory.domain.check("query", cue) is cue
