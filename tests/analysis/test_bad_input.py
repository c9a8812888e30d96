"""Bad input to analysis: what is examined, rows and targets, counts that nobody has memory for, flags and names."""

import numpy as np
import pytest

from hopfield import ModernHopfield, Rosenbrock, simulate
from hopfield.analysis import (
    Box,
    Flipped,
    Masked,
    Noisy,
    Sphere,
    basin_radius,
    basin_slice,
    basins_of_attraction,
    beta_advice,
    border_mask,
    capacity,
    certified_radii,
    check_lyapunov,
    continue_fixed_points,
    corrupt,
    critical_beta,
    disconnectivity_tree,
    energy_network,
    field,
    find_fixed_points,
    gaussian_noise,
    landscape,
    mask,
    metastability,
    plot_bifurcation,
    plot_radii,
    plot_readings,
    polish,
    query_table,
    random_starts,
    reproduce,
    salt_and_pepper,
    save_trajectory,
    spectrum,
    summarise,
    times_that_fit,
    velocity_network,
    wilson,
    write_report,
)

MEMORY = ModernHopfield(2 * np.eye(3), beta=2.0)
IMAGES = np.linspace(0.0, 1.0, 12).reshape(2, 6)
PIXELS = np.random.default_rng(0).random((6, 2, 2))
BAD_SEEDS = [-1, 1.5, "x", np.array([[1]]).view(np.matrix), [1], True]


@pytest.mark.parametrize("seed", BAD_SEEDS, ids=str)
@pytest.mark.parametrize(
    "verb",
    [
        lambda seed: find_fixed_points(MEMORY, seed=seed),
        lambda seed: basins_of_attraction(MEMORY, Noisy(2, 0.1), seed=seed),
        lambda seed: basin_radius(MEMORY, 0, seed=seed),
        lambda seed: gaussian_noise(IMAGES, 0.1, seed=seed),
        lambda seed: corrupt(IMAGES, (2, 3), "noise", 0.1, seed=seed),
        lambda seed: random_starts(np.eye(3), 4, seed=seed),
    ],
)
def test_a_seed_is_a_whole_number_or_a_generator(verb, seed):
    with pytest.raises(TypeError, match=r"seed must be a whole number >= 0 or a numpy\.random\.Generator"):
        verb(seed)


@pytest.mark.parametrize("size", [2**31, 2**63, 10**30, np.uint64(2**63)], ids=str)
@pytest.mark.parametrize(
    ("verb", "name"),
    [
        (lambda size: find_fixed_points(MEMORY, batch_size=size), "batch_size"),
        (lambda size: find_fixed_points(MEMORY, most=size), "most"),
        (lambda size: basin_radius(MEMORY, 0, directions=size), "directions"),
        (lambda size: landscape(MEMORY, images=size), "images"),
        (lambda size: continue_fixed_points(MEMORY, points=size), "points"),
        (lambda size: capacity(PIXELS, "dot", sizes=[2], runs=size, seed=0), "runs"),
        (lambda size: capacity(PIXELS, "dot", sizes=[2], jobs=size, seed=0), "jobs"),
        (lambda size: random_starts(np.eye(3), size), "count"),
        (lambda size: metastability(MEMORY, np.eye(3), max_steps=size), "max_steps"),
    ],
)
def test_numbers_that_nobody_has_memory_or_time_for_are_refused_with_the_limit(verb, name, size):
    with pytest.raises(ValueError, match=rf"{name} must be a whole number from \d+ to \d+, got"):
        verb(size)


@pytest.mark.parametrize("size", [2**20, 10**8])
def test_a_grid_says_how_much_memory_it_would_need(size):
    with pytest.raises(
        ValueError, match=r"A grid of \d+ x \d+ would need .* GiB of memory, and one call takes 4 at most"
    ):
        basin_slice(MEMORY, *np.eye(3), resolution=size)
    with pytest.raises(ValueError, match=r"would need .* GiB of memory"):
        Noisy(size * 100 if size < 10**7 else size, 0.1).draw(np.eye(300), np.random.default_rng(0))


def test_steps_too_short_for_a_flow_are_refused_beforehand():
    with pytest.raises(ValueError, match=r"The flow of a cue would take .* steps"):
        basins_of_attraction(MEMORY, np.eye(3), dt=1e-200)
    with pytest.raises(ValueError, match=r"The flow of a cue would take .* steps"):
        basins_of_attraction(MEMORY, np.eye(3), t_max=1e30)
    with pytest.raises(ValueError, match=r"would take .* steps"):
        basin_radius(MEMORY, 0, dt=5e-324)


@pytest.mark.parametrize("flag", [1, "False", None, [True], np.array([True, False])], ids=str)
@pytest.mark.parametrize(
    ("verb", "name"),
    [
        (lambda flag: find_fixed_points(MEMORY, deflate=flag), "deflate"),
        (lambda flag: find_fixed_points(MEMORY, reduction=flag), "reduction"),
        (lambda flag: basins_of_attraction(MEMORY, np.eye(3), timed=flag), "timed"),
        (lambda flag: landscape(MEMORY, reduction=flag), "reduction"),
        (lambda flag: continue_fixed_points(MEMORY, switch=flag), "switch"),
        (lambda flag: gaussian_noise(IMAGES, 0.1, fold=flag, seed=0), "fold"),
        (lambda flag: beta_advice(MEMORY).beta_for(0.5, certified=flag), "certified"),
    ],
)
def test_a_flag_is_true_or_false(verb, name, flag):
    with pytest.raises(TypeError, match=f"{name} must be True or False, got"):
        verb(flag)


@pytest.mark.parametrize("what", [3, None, "modern", np.eye(3), ModernHopfield, range(4)], ids=str)
@pytest.mark.parametrize(
    "verb",
    [find_fixed_points, field, landscape, lambda one: basin_radius(one, 0), lambda one: check_lyapunov(one, np.eye(3))],
)
def test_what_cannot_be_examined_is_named(verb, what):
    with pytest.raises((TypeError, ValueError), match=r"must be a model|Expected a m|Without a model"):
        verb(what)


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        (lambda: basins_of_attraction(MEMORY, np.eye(3), targets=["a"] * 3), "targets must be rows of the patterns"),
        (lambda: basins_of_attraction(MEMORY, np.eye(3), targets={1: 2}), "targets must be rows of the patterns"),
        (lambda: certified_radii(MEMORY, [[0, 1]]), r"one pattern or a list of patterns \(K,\), got shape \(1, 2\)"),
        (lambda: certified_radii(MEMORY, 2**40), "counted from 0, got 1099511627776"),
        (lambda: basin_radius(MEMORY, [[1.0, 2.0], [3.0]]), "rows of numbers of one length"),
        (lambda: landscape(MEMORY, pairs=[1, [2, 3]]), "pairs must be numbers in an array"),
        (lambda: basins_of_attraction(MEMORY, np.eye(3), fixed_points=3), "what find_fixed_points returns"),
        (lambda: disconnectivity_tree(3), "what landscape"),
        (lambda: basin_slice(MEMORY, np.ones(3), [1, [2, 3]], np.eye(3)[0]), "b must be rows of numbers"),
        (lambda: continue_fixed_points(MEMORY, "beta", 1.0, 10**400), "stop is a whole number of 1329 bits, too large"),
        (lambda: critical_beta(MEMORY, largest="x"), "largest must be one number"),
        (lambda: polish(MEMORY, np.ones((1, 3)), away=np.ones((1, 2))), r"away: states that have shape \(1, 2\)"),
        (lambda: polish(MEMORY, np.ones((1, 3)), away=np.ones((1, 1, 3))), r"away: states that have shape \(1, 1, 3\)"),
        (
            lambda: capacity(np.ones((4, 2, 2)), "dot", sizes=[2], level=1e300, seed=0),
            "levels must be numbers from 0 to",
        ),
        (lambda: find_fixed_points(MEMORY, batches=1).select([True]), "A mask of 1 bools does not fit"),
        (lambda: find_fixed_points(MEMORY, batches=1).select([99]), "counted from 0; got row 99"),
        (lambda: field(MEMORY).velocity(np.ones(2)), r"x has shape \(2,\) but must be \(\.\.\., 3\)"),
        (lambda: field(MEMORY).velocity("x"), "x must be real numbers"),
        (lambda: wilson(11, 10), "successes must be whole numbers from 0 to total = 10"),
        (lambda: wilson([[1, [2]]], 10), "successes must be numbers"),
        (lambda: plot_readings([]), "found must hold at least 1"),
        (lambda: reproduce(np.ones(2)), "figure must be a whole number"),
        (lambda: reproduce(2, []), "reading must hold at least 1"),
        (lambda: times_that_fit(3, 1, 1.0, 0.1), "memory must be a model"),
        (lambda: save_trajectory(3, 4), "path must be a path"),
        (lambda: query_table({"a": [[1.0], [2.0, 3.0]]}), "must be one value for each query"),
        (lambda: write_report("", {}, {}), "path must name a file"),
        (lambda: write_report("x.json", [1], {}), "settings must be a dict"),
        (lambda: energy_network(3, 2), r"energy must be a function E\(x\)"),
        (lambda: velocity_network(lambda x: -x, 2.5), "size must be a whole number >= 1, got 2.5"),
    ],
)
def test_arguments_that_are_something_else(verb, words):
    with pytest.raises((TypeError, ValueError), match=words):
        verb()


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        (lambda: mask(IMAGES, 6), "shape must be .H, W. or .C, H, W. of one image, got 6"),
        (lambda: mask(IMAGES, (2, 3), fraction="half"), "fraction must be one number, got 'half'"),
        (lambda: mask(IMAGES, (2, 3), value=None), "value must be one number, got None"),
        (lambda: border_mask(IMAGES, (2, 3), np.ones(2)), "fraction must be one number"),
        (lambda: salt_and_pepper(IMAGES, 0.1, (0.0,), seed=0), "values must be two numbers"),
        (lambda: gaussian_noise(IMAGES, 0.1, clip=(1.0, 0.0), seed=0), "least < largest"),
        (lambda: corrupt(IMAGES, (2, 3), ["noise"], 0.1, seed=0), "cue must be a text"),
        (lambda: Noisy(2.5, 0.1), "count must be a whole number >= 1, got 2.5"),
        (lambda: Noisy(2, "x"), "must be one number, got 'x'"),
        (lambda: Flipped(2, 1.5), "distance must be a whole number >= 0, got 1.5"),
        (lambda: Masked(2, 0.5, "x"), "value must be one number"),
        (lambda: Sphere(2, 1.0, center="x"), "center must be a whole number"),
        (lambda: Box(2, [0.0, [1.0]], 1.0), "low must be numbers"),
        (lambda: Noisy(2, 0.1, rows=["a"]), "rows must be rows of the patterns"),
        (lambda: Noisy(2, 0.1).draw(np.eye(2), 3), "rng must be a generator"),
    ],
)
def test_cues_that_cannot_be(verb, words):
    with pytest.raises((TypeError, ValueError), match=words):
        verb()


def test_narrow_numbers_are_taken_at_their_value():
    found = find_fixed_points(
        MEMORY, batches=np.uint8(1), batch_size=np.uint8(200), eigenvalues=np.int8(2), seed=np.uint8(3)
    )
    plain = find_fixed_points(MEMORY, batches=1, batch_size=200, eigenvalues=2, seed=3)
    np.testing.assert_array_equal(found.state, plain.state)
    assert len(landscape(MEMORY, found, images=np.uint8(250), steps=np.uint8(20)).minima) == 3
    assert Noisy(np.uint8(250), 0.1).draw(np.eye(2), np.random.default_rng(0)).cues.shape == (500, 2)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_patterns_of_a_summary_may_be_lists():
    run = simulate(MEMORY, np.eye(3), t1=20.0)
    found, right = (summarise(rows, run, [0, 1, 2]) for rows in ((2.0 * np.eye(3)).tolist(), MEMORY))
    assert found.recalled == right.recalled == 3
    assert found.distance == right.distance


def test_numbers_far_off_end_without_a_warning():
    flow = field(MEMORY)
    for options in ({"clip": 1e300}, {"away": np.full((1, 3), 1e200)}):
        assert polish(flow, np.eye(3), steps=3, **options).x.shape == (3, 3)
    patterns = np.random.default_rng(0).normal(size=(2, 3))  # two names, for three memory neurons
    assert set(find_fixed_points(MEMORY, patterns=patterns, batches=1).pattern) <= {-1, 0, 1}


def test_an_own_network_that_answers_nonsense_is_named():
    for answer in (None, np.ones(7), "x", [1.0]):
        network = velocity_network(lambda x, answer=answer: answer, 2)
        with pytest.raises(TypeError, match=r"The velocity F\(x\) must give an array of numbers"):
            simulate(network, {"x": np.ones(2)}, t1=0.1)
    bowl = energy_network(lambda x: x, 2, lambda x: x, lambda x, u: u)
    with pytest.raises(TypeError, match=r"The energy E\(x\) must give an array of numbers of shape"):
        bowl.energy({"x": np.ones(2)})


def test_memories_of_half_precision_are_examined_in_single_and_long_doubles_refused():
    rows = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float16)
    half, single = (ModernHopfield(rows.astype(kind), beta=4.0) for kind in (np.float16, np.float32))
    for verb in (
        lambda memory: find_fixed_points(memory, batches=1, seed=0).state,
        lambda memory: basins_of_attraction(memory, rows.tolist()).labels,
        lambda memory: landscape(memory).minima,
        lambda memory: beta_advice(memory).needed,
    ):
        np.testing.assert_array_equal(verb(half), verb(single))
    long = ModernHopfield(rows.astype(np.longdouble))
    if long.memories.dtype.itemsize > 8:
        for verb in (find_fixed_points, landscape, critical_beta):
            with pytest.raises(TypeError, match=r"linear systems, which NumPy has none of in .*Compute in float64"):
                verb(long)
        with pytest.raises(TypeError, match="Rosenbrock solves linear systems"):
            simulate(long, rows[0].astype(np.longdouble), t1=1.0, integrator=Rosenbrock())


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_cues_from_far_out_come_back_and_those_without_squares_are_refused():
    memory = ModernHopfield(np.array([[1.0, 0.5, -0.5], [-1.0, 0.25, 0.5]]), beta=4.0)
    for size in (1.0, 1e7, 1e9, 1e50, 1e100):
        assert basins_of_attraction(memory, size * memory.memories, targets=[0, 1]).recalled == 1.0
    with pytest.raises(ValueError, match=r"A cue goes up to 1e\+200, whose square float64 cannot hold"):
        basins_of_attraction(memory, 1e200 * memory.memories)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_plane_of_tiny_and_of_huge_states():
    memory = ModernHopfield(np.eye(3), beta=4.0)
    wanted = basin_slice(memory, *np.eye(3), resolution=4).corners
    for size in (1e-200, 1e-100, 1e100):
        corners = basin_slice(memory, *(size * np.eye(3)), resolution=4).corners
        np.testing.assert_allclose(corners / size, wanted, atol=1e-12)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("rate", [1e200, 1e308, np.inf, np.nan], ids=str)
def test_functions_whose_numbers_overflow_are_examined_without_a_warning(rate):
    network = velocity_network(lambda x: rate * x[..., ::-1], 2, lambda x, u: rate * u[..., ::-1])
    found = find_fixed_points(network, seed=0, batches=1, batch_size=4)
    assert len(found.kind) <= 1
    spectrum(network, np.zeros((1, 2)), 2)


def test_a_measure_of_branches_gives_one_number_for_each_state():
    branches = continue_fixed_points(MEMORY, "beta", 1.0, 1.2, points=5, branches=2)
    for measure in (lambda x: None, lambda x: 1.0, lambda x: x, lambda x: x[:, 0] * 1j, int):
        with pytest.raises((TypeError, ValueError), match="measure must"):
            plot_bifurcation(branches, measure=measure)
    for radii in (1j, [1j, 2.0], np.complex64(1j), [""]):
        with pytest.raises(ValueError, match="one number for each pattern"):
            plot_radii(radii, [0.5])
