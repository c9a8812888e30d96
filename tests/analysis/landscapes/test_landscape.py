"""The landscape between memories against exact barriers, saddles of test functions, and its own definitions."""

import json

import numpy as np
import pytest
from scipy.optimize import brentq, fsolve, minimize_scalar

from helpers import to_library
from hopfield import ModernHopfield, UniversalHopfield
from hopfield.analysis import (
    Landscape,
    disconnectivity_tree,
    energy_network,
    field,
    find_fixed_points,
    landscape,
    plot_barriers,
    plot_disconnectivity,
    plot_energy_along_path,
    string_method,
    velocity_network,
)
from hopfield.analysis.flow import contraction_rate, descend, flow_of, leading_modes
from hopfield.analysis.landscapes._saddles import climb, join, passes
from hopfield.analysis.plots._landscape import path_profile

OPPOSITE = np.array([[1.0, 0.0], [-1.0, 0.0]])


def census(memory, starts=None):
    return find_fixed_points(memory, memory.memories if starts is None else starts)


# --- energies of which everything is known


def double_well(size):
    energy = lambda x: ((x**2 - 1) ** 2).sum(-1) / 4  # noqa: E731
    return energy_network(energy, size, lambda x: x**3 - x, lambda x, u: (3 * x**2 - 1) * u)


def camel():
    """The six-hump camel: E = (4 - 2.1 x^2 + x^4/3) x^2 + x y + (-4 + 4 y^2) y^2."""

    def energy(z):
        x, y = z[..., 0], z[..., 1]
        return (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (-4 + 4 * y**2) * y**2

    def gradient(z):
        x, y = z[..., 0], z[..., 1]
        return np.stack([8 * x - 8.4 * x**3 + 2 * x**5 + y, x - 8 * y + 16 * y**3], -1)

    def product(z, u):
        x, y = z[..., 0], z[..., 1]
        across = (8 - 25.2 * x**2 + 10 * x**4) * u[..., 0] + u[..., 1]
        return np.stack([across, u[..., 0] + (-8 + 48 * y**2) * u[..., 1]], -1)

    return energy_network(energy, 2, gradient, product)


def mueller_brown():
    """The potential of Mueller & Brown 1979, doi:10.1007/BF00547608."""
    height, a, b, c = ([-200, -100, -170, 15], [-1, -1, -6.5, 0.7], [0, 0, 11, 0.6], [-10, -10, -6.5, 0.7])
    height, a, b, c = (np.array(p, dtype=float) for p in (height, a, b, c))
    x0, y0 = np.array([1, 0, -0.5, -1]), np.array([0, 0.5, 1.5, 1])

    def parts(z):
        dx, dy = z[..., :1] - x0, z[..., 1:] - y0
        e = height * np.exp(np.minimum(a * dx * dx + b * dx * dy + c * dy * dy, 50))
        return e, 2 * a * dx + b * dy, b * dx + 2 * c * dy

    def gradient(z):
        e, p, q = parts(z)
        return np.stack([(e * p).sum(-1), (e * q).sum(-1)], -1)

    def product(z, u):
        e, p, q = parts(z)
        xx, xy, yy = ((e * k).sum(-1) for k in (p * p + 2 * a, p * q + b, q * q + 2 * c))
        return np.stack([xx * u[..., 0] + xy * u[..., 1], xy * u[..., 0] + yy * u[..., 1]], -1)

    return energy_network(lambda z: parts(z)[0].sum(-1), 2, gradient, product), gradient


def orthonormal_barrier(count, beta):
    """From a memory of N orthonormal patterns to the saddle between two: p = softmax(beta p) with k equal largest."""

    def point(k):
        def gap(a):  # k coordinates a, the others (1 - k a)/(N - k)
            rest = (1 - k * a) / (count - k)
            return np.log(a / rest) - beta * (a - rest)

        low = minimize_scalar(gap, bounds=(1 / count + 1e-6, 1 / k - 1e-6), method="bounded").x
        a = brentq(gap, low, 1 / k - 1e-14, xtol=1e-15)
        return np.array([a] * k + [(1 - k * a) / (count - k)] * (count - k))

    def energy(p):
        return p @ p / 2 - np.log(np.exp(beta * p).sum()) / beta

    return energy(point(2)) - energy(point(1))


# --- exact barriers


@pytest.mark.parametrize("radius", [1.0, 10.0])
def test_two_opposite_patterns(radius):
    found = landscape(ModernHopfield(radius * OPPOSITE, beta=2.0 / radius**2))
    assert np.allclose(found.barrier[0, 1], 0.163261943713 * radius**2, rtol=1e-11)
    assert np.allclose(found.saddles, 0, atol=1e-10 * radius)
    assert found.rate[0] == pytest.approx([1.0, -1.0])
    assert found.route(0, 1).saddles == (0,)
    assert not found.notes


@pytest.mark.parametrize(("count", "beta"), [(3, 6.0), (4, 5.0), (5, 12.0)])
def test_orthonormal_patterns(count, beta):
    found = landscape(ModernHopfield(np.eye(count), beta=beta))
    assert len(found.minima) == count
    assert len(found.saddles) == count * (count - 1) // 2  # one for each pair
    off = ~np.eye(count, dtype=bool)
    assert np.allclose(found.barrier[off], orthonormal_barrier(count, beta), rtol=1e-10)
    assert sorted(map(tuple, np.sort(found.joins, axis=1).tolist())) == [tuple(p) for p in np.argwhere(np.triu(off))]


def test_four_orthonormal_patterns_by_number():
    assert landscape(ModernHopfield(np.eye(4), beta=5.0)).depth == pytest.approx([0.0948760009] * 4, abs=1e-10)


@pytest.mark.parametrize("library", [pytest.param("jax", marks=pytest.mark.slow), "torch"])
def test_other_libraries_agree(library):
    pytest.importorskip(library)
    memory = ModernHopfield(to_library(np.eye(3), library), beta=6.0)
    found = landscape(memory, census(memory), climbs=0)
    assert found.depth == pytest.approx([orthonormal_barrier(3, 6.0)] * 3, rel=1e-10)


def test_float32():
    memory = ModernHopfield(np.eye(3, dtype=np.float32), beta=6.0)
    found = landscape(memory, census(memory))
    assert found.depth == pytest.approx([orthonormal_barrier(3, 6.0)] * 3, rel=2e-5)


def test_double_well_in_five_dimensions():
    network = double_well(5)
    corners = np.stack(np.meshgrid(*[[-1.0, 1.0]] * 5), -1).reshape(-1, 5)
    found = landscape(network, find_fixed_points(network, corners))
    assert len(found.minima) == 32
    assert len(found.saddles) == 80  # one for each edge of the cube
    gap = found.minima[:, None] - found.minima
    assert np.allclose(found.barrier[(gap != 0).any(-1)], 0.25)
    for (i, j), x in zip(found.joins, found.saddles, strict=True):
        assert np.allclose(x, (found.minima[i] + found.minima[j]) / 2)


def test_the_six_hump_camel_from_its_minima_alone():
    network = camel()
    everything = find_fixed_points(network)
    found = landscape(network, everything.select(everything.stable))
    assert np.allclose(found.energy, np.repeat([-1.0316284535, -0.2154638244, 2.1042503103], 2))
    exact = np.sort(everything.energy[everything.index == 1])
    assert len(exact) == 7
    assert np.allclose(found.saddle_energy, exact)
    assert np.isclose(found.barrier[0, 1], 1.0316284535)  # over the origin


def test_mueller_brown_from_its_minima_alone():
    network, gradient = mueller_brown()
    found = landscape(network, find_fixed_points(network, np.array([[-0.5, 1.4], [0.6, 0.0], [0.0, 0.5]])))
    references = [fsolve(gradient, guess, xtol=1e-13) for guess in ([-0.8, 0.6], [0.2, 0.3])]
    assert len(found.minima) == 3
    assert np.allclose(found.saddles, [references[1], references[0]] if found.saddles[0, 0] > 0 else references)
    assert np.allclose(np.sort(found.saddle_energy), [-72.2489401, -40.6648435])
    assert found.route(0, 1).minima == (0, 2, 1)  # the shallow one lies on the way
    assert found.route(0, 1).energy == pytest.approx(-40.6648435)


def test_unequal_norms():
    """m +- d with |d| = 1, d.m = 0.1: along d, s = (d.m + tanh(beta (s + d.m)... - 0.1)."""
    d, m, beta = np.array([1.0, 0.0]), np.array([0.1, 0.5]), 2.0
    found = landscape(ModernHopfield(np.array([m + d, m - d]), beta=beta))

    def force(t):  # v = m + t d; scores differ by 2 beta d.v
        return np.tanh(beta * (t + 0.1)) - t

    def energy(t):
        v = m + t * d
        z = beta * np.array([(m + d) @ v, (m - d) @ v])
        return v @ v / 2 - np.log(np.exp(z).sum()) / beta

    high, top, low = brentq(force, 0.5, 2), brentq(force, -0.5, 0.2), brentq(force, -1.0, -0.6)
    assert np.allclose(np.sort(found.depth), [energy(top) - energy(low), energy(top) - energy(high)])


# --- what is promised of any landscape


@pytest.fixture(scope="module")
def random_landscape():
    rng = np.random.default_rng(4)
    memory = ModernHopfield(rng.normal(size=(6, 12)) / 3, beta=6.0)
    return memory, landscape(memory, census(memory))


def test_saddles_are_what_they_are_said_to_be(random_landscape):
    memory, found = random_landscape
    net = field(memory)
    assert len(found.saddles) >= len(found.minima) - 1
    assert (found.residual <= 1e-10 * net.scale).all()
    for x in found.saddles:
        values = np.linalg.eigvalsh(net.hessian(x))
        assert (values < 0).sum() == 1
    assert (found.rate[:, 0] > 0).all()
    assert (found.rate[:, 1] < 0).all()


def test_barriers_are_minimax(random_landscape):
    _, found = random_landscape
    known = found.passes
    assert np.allclose(known, known.T)
    for k in range(len(known)):  # no detour is lower
        assert (known <= np.maximum(known[:, [k]], known[[k]]) + 1e-12).all()
    for row, (i, j) in enumerate(found.joins):
        assert known[i, j] <= found.saddle_energy[row] + 1e-12
    assert (found.barrier[~np.eye(len(known), dtype=bool)] > 0).all()
    assert (found.upper <= known + 1e-9).all()


@pytest.mark.parametrize("seed", [2, 7, 8])
def test_strings_alone_find_the_barriers_of_a_whole_census(seed):
    memory = ModernHopfield(np.random.default_rng(seed).normal(size=(6, 8)), beta=1.2)
    everything = find_fixed_points(memory)
    assert everything.morse_sum == 1
    alone = landscape(memory, everything.select(everything.stable), climbs=0)
    whole = landscape(memory, everything)
    assert set(alone.source) == {"string"}
    assert set(whole.source) == {"census"}
    assert np.allclose(alone.passes, whole.passes, rtol=1e-9)
    assert (alone.bound >= alone.passes - 1e-5 * np.ptp(alone.energy)).all()  # strings need no less than the pass
    assert not alone.notes
    assert not whole.notes


def test_the_way_down_from_a_saddle_falls(random_landscape):
    _, found = random_landscape
    assert (np.diff(found.way, axis=-1) <= 1e-9).all()
    assert np.allclose(found.way[:, :, -1], found.energy[found.joins], atol=1e-6)
    assert np.allclose(found.way[:, :, 0], found.saddle_energy[:, None])


def test_row_space_or_not_is_the_same():
    rng = np.random.default_rng(1)
    memory = ModernHopfield(rng.normal(size=(4, 40)) / 6, beta=8.0)
    points = census(memory)
    small, whole = (landscape(memory, points, reduction=r) for r in (True, False))
    assert np.allclose(small.passes, whole.passes)
    assert small.saddles.shape[1] == 40


def test_the_same_seed_gives_the_same_landscape(random_landscape):
    memory, found = random_landscape
    again = landscape(memory, census(memory))
    assert np.array_equal(found.saddles, again.saddles)
    assert np.array_equal(found.barrier, again.barrier)


def test_new_minima_are_added_and_named():
    memory = ModernHopfield(np.eye(3), beta=6.0)
    points = find_fixed_points(memory)
    found = landscape(memory, points.select(points.pattern != 1), climbs=1)  # one memory is hidden
    assert len(found.minima) == 3
    assert sorted(found.pattern.tolist()) == [0, 1, 2]
    assert any("not in the census" in note for note in found.notes)


def test_what_is_not_known_is_said():
    network = double_well(2)
    corners = np.array([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])
    points = find_fixed_points(network, corners)
    far = [(i, j) for i in range(4) for j in range(i) if np.allclose(points.state[i], -points.state[j])][:1]
    alone = landscape(network, points, pairs=np.zeros((0, 2), dtype=int), climbs=0)
    assert len(alone.unjoined) == 6
    assert np.isinf(alone.barrier[0, 1])
    assert any("no chain of saddles" in note for note in alone.notes)
    with pytest.raises(ValueError, match="No chain of saddles"):
        alone.route(0, 1)
    both = landscape(network, points, pairs=np.array(far), climbs=0)
    assert len(both.unjoined) < 6


def test_where_forces_jump_the_strings_give_bounds():
    patterns = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    memory = UniversalHopfield(patterns, "manhattan", "softmax", beta=3.0)
    found = landscape(memory, census(memory))
    assert not len(found.saddles)
    assert any("Forces jump" in note for note in found.notes)
    rise = found.upper - found.energy[:, None]
    assert (rise[~np.eye(len(rise), dtype=bool)] > 0).all()
    assert np.isfinite(rise).all()
    assert "<=" in str(found)
    assert all(text.get_text().startswith(r"$\leq$") for text in plot_barriers(found).texts)


def test_cosine_patterns_on_the_sphere():
    """Two unit patterns at 60 degrees: by symmetry the saddle is their bisector, whatever the norms of the cues."""
    patterns = np.array([[1.0, 0.0], [0.5, 0.75**0.5]])
    memory = UniversalHopfield(patterns, "cosine", "softmax", beta=20.0)
    found = landscape(memory, find_fixed_points(memory, patterns * [[3.0], [0.2]]))

    def energy(angle):
        return -np.log(np.exp(20 * np.cos(angle)) + np.exp(20 * np.cos(angle - np.pi / 3))) / 20

    bottom = minimize_scalar(energy, bounds=(-0.2, 0.4), method="bounded", options={"xatol": 1e-12}).fun
    beside = minimize_scalar(lambda angle: -energy(angle), bounds=(0.4, 0.7), method="bounded").fun
    assert found.passes[0, 1] == pytest.approx(energy(np.pi / 6), rel=1e-9)
    assert found.passes[0, 1] == pytest.approx(-beside, rel=1e-6)
    assert found.energy == pytest.approx([bottom, bottom], rel=1e-9)


def test_where_states_are_no_activations():
    """kl: g = e^v, and J is not symmetric; the saddle is a zero of the velocity with one growing mode."""
    rng = np.random.default_rng(0)
    memory = UniversalHopfield(rng.dirichlet(np.ones(6), size=3) + 0.02, "kl", "softmax", beta=40.0)
    found = landscape(memory, census(memory))
    assert len(found.saddles) >= 2
    assert np.allclose(found.activation, np.exp(found.minima))
    net = field(memory)
    for x in found.saddles:
        assert np.abs(net.velocity(x)).max() < 1e-9
        assert (np.linalg.eigvalsh(net.hessian(x)) < 0).sum() == 1


def test_with_many_patterns_the_search_begins_at_them():
    rng = np.random.default_rng(0)
    memory = ModernHopfield(rng.choice([-1.0, 1.0], size=(16, 50)), beta=0.5)
    found = landscape(memory, climbs=0)
    assert sorted(found.pattern[found.pattern >= 0].tolist()) == list(range(16))
    assert not found.unjoined
    assert np.isfinite(found.bound).sum() < 16 * 15  # not every pair


def test_no_energy_no_barriers():
    spiral = velocity_network(lambda x: x @ np.array([[-1.0, 2.0], [-2.0, -1.0]]), 2, lambda x, u: u)
    with pytest.raises(ValueError, match="not the gradient of an energy"):
        landscape(spiral)


@pytest.mark.parametrize(
    ("pairs", "match"), [("some", "'auto', 'all'"), ([[0, 9]], "rows below"), ([0, 1], "rows below")]
)
def test_bad_pairs(pairs, match):
    memory = ModernHopfield(np.eye(3), beta=6.0)
    with pytest.raises(ValueError, match=match):
        landscape(memory, census(memory), pairs=pairs)


def test_continuous_hopfield_network():
    """Two populations of nothing: J is not symmetric for g = tanh, and strings work all the same."""
    from hopfield.dynamics import LogCosh, Network, Population, Recurrent

    xi = np.array([[1.0, 1.0, 1.0, 1.0], [1.0, -1.0, 1.0, -1.0]])
    network = Network({"x": Population(LogCosh(3.0), 4)}, [Recurrent(("x",), xi.T @ xi / 4)])
    states = np.concatenate([xi, -xi])
    points = find_fixed_points(network, 0.9 * states)
    found = landscape(network, points)
    assert any("not symmetric" in note for note in found.notes)
    assert len(found.minima) == 4
    assert np.isfinite(found.barrier).all()
    # Within the span the overlaps (m1, m2) obey m = tanh sums; the saddle between xi_1 and xi_2 is their mixture.
    mixture = brentq(lambda t: np.tanh(3 * 2 * t) / 2 - t, 0.1, 1.0)  # x = t (xi_1 + xi_2)
    level = float(network.energy({"x": mixture * xi.sum(0)}))
    assert found.passes[0, 1] == pytest.approx(level, rel=1e-9) or found.passes[0, 2] == pytest.approx(level, rel=1e-9)


# --- parts


def test_a_string_in_a_thousand_dimensions_without_matrices():
    rng = np.random.default_rng(0)
    patterns = np.linalg.qr(rng.normal(size=(1000, 3)))[0].T
    flow = flow_of(UniversalHopfield(patterns, "euclidean", "softmax", beta=4.0))
    i, j = np.triu_indices(3, 1)
    strings = string_method(flow, patterns[i], patterns[j])
    found = passes(flow, np.concatenate([strings.path[k][strings.tops(k)] for k in range(3)]))
    assert len(found.state) == 3
    assert np.allclose(flow.energy(found.state), flow.energy(found.state)[0])
    assert np.allclose(strings.bound, flow.energy(found.state)[0], atol=1e-3)
    ends = join(flow, found, descend(flow, patterns).state)
    assert (ends.joins >= 0).all()
    assert len(ends.minima) == 3


def test_climbing_reaches_the_saddles_around_a_memory():
    flow = flow_of(ModernHopfield(np.eye(3), beta=6.0))
    memory = descend(flow, np.eye(3)).state
    found = passes(flow, climb(flow, memory, modes=2))
    assert np.allclose(flow.energy(found.state) - flow.energy(memory)[0], orthonormal_barrier(3, 6.0))


def test_climbing_needs_a_symmetric_jacobian():
    spiral = velocity_network(lambda x: x @ np.array([[-1.0, 2.0], [-2.0, -1.0]]), 2, lambda x, u: u * [1, 2])
    flow = flow_of(spiral)
    with pytest.raises(ValueError, match="symmetric Jacobian"):
        climb(flow_of(spiral, symmetric=False), np.zeros((1, 2)))
    with pytest.raises(ValueError, match="not the gradient"):
        string_method(flow, np.zeros((1, 2)), np.ones((1, 2)))


def test_slow_passage_is_no_arrival():
    """From 1e-6 beside the saddle the flow lingers; a state within 1e-3 of the saddle has not arrived."""
    flow = flow_of(ModernHopfield(OPPOSITE, beta=2.0))
    found = descend(flow, np.array([[1e-6, 0.5], [-1e-9, 0.0]]))
    assert found.converged.all()
    assert np.allclose(found.state, [[0.957504024077, 0], [-0.957504024077, 0]])
    still = descend(flow, np.array([[1e-6, 0.5]]), steps=3)
    assert not still.converged.any()


def test_leading_modes_with_and_without_matrices(monkeypatch):
    rng = np.random.default_rng(0)
    flow = flow_of(ModernHopfield(rng.normal(size=(5, 30)), beta=0.3))
    x = rng.normal(size=30)
    dense = leading_modes(flow, x, 3)
    monkeypatch.setattr("hopfield.analysis.flow._descent.DENSE", 8)
    assert np.allclose(leading_modes(flow, x, 3).values, dense.values)
    values = np.linalg.eigvalsh(field(flow.field).hessian(x))
    assert np.allclose(dense.values, -values[:3])
    assert contraction_rate(flow, x[None], products=200) == pytest.approx(values[-1], rel=1e-2)


# --- the graph, the tree, and the pictures


def test_the_tree_merges_valleys_at_their_passes(random_landscape):
    _, found = random_landscape
    tree = disconnectivity_tree(found)
    leaves = [node for node in tree if tree.out_degree(node) == 0]
    assert sorted(leaves) == list(range(len(found.minima)))
    for i in leaves:
        up = i
        above = {}
        while tree.in_degree(up):
            up = next(iter(tree.predecessors(up)))
            above[up] = tree.nodes[up]["energy"]
        assert list(above.values()) == sorted(above.values())
        for j in leaves:
            if i == j:
                continue
            down = j
            while down not in above:
                down = next(iter(tree.predecessors(down)))
            assert above[down] == found.passes[i, j]


def test_equal_passes_are_one_node():
    tree = disconnectivity_tree(landscape(ModernHopfield(np.eye(4), beta=5.0)))
    (root,) = [node for node in tree if tree.in_degree(node) == 0]
    assert len(list(tree.successors(root))) == 4


def test_graph_and_reports(random_landscape, tmp_path):
    _, found = random_landscape
    assert isinstance(found, Landscape)
    assert found.graph.number_of_nodes() == len(found.minima)
    text = str(found)
    assert "lowest barrier" in text
    assert "memory" in text
    file = json.loads(found.to_json(tmp_path / "landscape.json").read_text())["results"]["landscape"]
    assert len(file["saddles"]) == len(found.saddles)
    assert file["barrier"][0][1] == pytest.approx(found.barrier[0, 1])


def test_pattern_rows(random_landscape):
    _, found = random_landscape
    assert found.pattern[found.minimum_of(2)] == 2
    with pytest.raises(ValueError, match="No minimum belongs to pattern 77"):
        found.minimum_of(77)
    with pytest.raises(ValueError, match="no minimum 99"):
        found.route(0, 99)
    assert found.route(1, 1).saddles == ()


def test_pictures(random_landscape, tmp_path):
    _, found = random_landscape
    count = len(found.minima)
    ax = plot_disconnectivity(found, images=(3, 4), title="tree")
    assert len(ax.child_axes) == count
    assert sorted(t.get_text() for t in ax.get_xticklabels()) == sorted(str(p) for p in found.pattern)
    ax.figure.savefig(tmp_path / "tree.png")
    ax = plot_barriers(found, labels="abcdef"[:count])
    assert [t.get_text() for t in ax.get_xticklabels()] == list("abcdef"[:count])
    ax.figure.savefig(tmp_path / "barriers.png")
    ax = plot_energy_along_path(found, 0, count - 1)
    arc, energy, _ = path_profile(found, 0, count - 1)
    assert energy.max() == pytest.approx(found.passes[0, count - 1])
    assert (np.diff(arc) >= -1e-12).all()
    ax.figure.savefig(tmp_path / "path.png")
    assert all((tmp_path / f"{name}.png").stat().st_size > 5000 for name in ("tree", "barriers", "path"))
    with pytest.raises(ValueError, match="pixels"):
        plot_disconnectivity(found, images=(3, 3))
    with pytest.raises(ValueError, match="labels must name"):
        plot_barriers(found, labels=["a"])


def test_what_landscape_cannot_use_is_refused():
    memory = ModernHopfield(np.eye(3), beta=6.0)
    with pytest.raises(TypeError, match="what find_fixed_points returns"):
        landscape(memory, np.eye(3))
    with pytest.raises(ValueError, match="5 coordinates and this memory has 3"):
        landscape(memory, find_fixed_points(ModernHopfield(np.eye(5), beta=9.0), batches=1))
    with pytest.raises(ValueError, match=r"images must be a whole number >= 3, got 4\.5"):
        landscape(memory, images=4.5)


def test_long_names_stand_upright_and_one_minimum_has_no_barriers():
    found = landscape(ModernHopfield(np.eye(4), beta=9.0))
    names = [f"a long name number {k}" for k in range(4)]
    for ax in (plot_disconnectivity(found, labels=names), plot_barriers(found, labels=names)):
        assert {tick.get_rotation() for tick in ax.get_xticklabels()} == {90.0}
    alone = plot_barriers(landscape(ModernHopfield(np.eye(1, 3), beta=9.0)))
    assert "no barriers" in alone.texts[0].get_text()


def test_the_energies_on_a_string_of_a_memory_with_rays_are_those_of_its_images():
    memory = UniversalHopfield(np.array([[1.2, 0.3, -0.4], [-0.6, 1.0, 0.7], [0.1, -0.8, 0.9]]), "cosine", beta=4.0)
    ends = find_fixed_points(memory).select(np.arange(2)).state
    found = string_method(memory, ends[0], ends[1], images=9)
    assert abs(found.energy - field(memory).energy(found.path)).max() < 1e-12
    assert found.bound[0] >= found.energy.max()
