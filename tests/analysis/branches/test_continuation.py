"""Branches of fixed points against exact folds and pitchforks."""

# What has the wrong type here has it on purpose, or is known better than its stubs say.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportOperatorIssue=false

import json
import pickle

import numpy as np
import pytest
from matplotlib.colors import to_hex
from scipy.optimize import brentq, fsolve, minimize_scalar

from helpers import to_library
from hopfield import ModernHopfield, UniversalHopfield
from hopfield.analysis import continue_fixed_points, energy_network, field, find_fixed_points, plot_bifurcation
from hopfield.analysis.branches._family import family_of, spectrum, tangent
from hopfield.analysis.plots import BLUE
from hopfield.dynamics import LogCosh, Network, Population, Recurrent

OPPOSITE = np.array([[1.0, 0.0], [-1.0, 0.0]])


def events(found, kind):
    return [event.parameter for event in found.bifurcations if event.kind == kind]


# --- exact bifurcations


@pytest.mark.parametrize("radius", [1.0, 3.0])
def test_the_pitchfork_of_two_opposite_patterns(radius):
    memory = ModernHopfield(radius * OPPOSITE)
    found = continue_fixed_points(memory, "beta", 0.5 / radius**2, 2.0 / radius**2)
    (event,) = found.bifurcations
    assert event.kind == "pitchfork"
    assert event.parameter == pytest.approx(1 / radius**2, rel=1e-12)
    assert abs(event.eigenvalue) < 1e-9
    assert not found.notes
    states, stable = found.at(2.0 / radius**2)
    assert sorted(states[stable, 0] / radius) == pytest.approx([-0.957504024077, 0.957504024077], abs=1e-9)
    assert states[~stable] == pytest.approx(np.zeros((1, 2)), abs=1e-9)


def test_every_point_of_a_branch_is_a_fixed_point():
    found = continue_fixed_points(ModernHopfield(OPPOSITE), "beta", 0.5, 2.0)
    for branch in found.branches:
        for beta, x, index in zip(branch.parameter, branch.state, branch.index, strict=True):
            net = field(ModernHopfield(OPPOSITE, beta=beta))
            assert np.abs(net.velocity(x)).max() < 1e-10
            if abs(beta - 1) > 1e-6:
                assert (np.linalg.eigvalsh(net.hessian(x)) < 0).sum() == index
            assert branch.energy[0] == pytest.approx(
                float(field(ModernHopfield(OPPOSITE, beta=branch.parameter[0])).energy(branch.state[0]))
            )


def test_the_fold_of_unequal_norms():
    """Along d the state is t with t = tanh(beta (t + 0.1)): a fold where both this and its derivative vanish."""
    d, m = np.array([1.0, 0.0]), np.array([0.1, 0.5])
    found = continue_fixed_points(ModernHopfield(np.array([m + d, m - d])), "beta", 0.5, 2.5)
    assert events(found, "fold") == pytest.approx([1.372235911097], abs=1e-11)
    assert len(found.bifurcations) == 1
    assert len(found.branches) == 2
    (fold,) = found.bifurcations
    assert np.linalg.det(
        field(ModernHopfield(np.array([m + d, m - d]), beta=fold.parameter)).hessian(fold.coordinates)
    ) == pytest.approx(0, abs=1e-9)


@pytest.mark.broad
def test_three_orthonormal_patterns():
    found = continue_fixed_points(ModernHopfield(np.eye(3)), "beta", 2.5, 4.0)
    assert events(found, "fold") == pytest.approx([2.7456435767] * 3, abs=1e-10)
    (mean,) = [event for event in found.bifurcations if event.kind == "branch point"]
    assert mean.parameter == pytest.approx(3.0, rel=1e-9)
    assert mean.multiplicity == 2
    states, stable = found.at(4.0)
    assert len(states) == 7  # 2^3 - 1
    assert stable.sum() == 3


def test_many_dimensions_are_those_of_the_patterns():
    patterns = np.linalg.qr(np.random.default_rng(0).normal(size=(5000, 3)))[0].T
    found = continue_fixed_points(ModernHopfield(patterns), "beta", 2.6, 2.9, queries=patterns, switch=False)
    assert events(found, "fold") == pytest.approx([2.7456435767] * 3, abs=1e-9)
    branch = found.branches[0]
    assert branch.coordinates.shape[1] == 3
    assert branch.state.shape[1] == 5000
    net = field(ModernHopfield(patterns, beta=branch.parameter[0]))
    assert np.abs(net.velocity(branch.state[0])).max() < 1e-10


def test_mixtures_of_a_continuous_hopfield_network():
    """Symmetric 3-mixtures of 3 orthogonal patterns in 8 neurons become stable at beta = 2.1748858800."""
    xi = np.array([[1, 1, 1, 1, -1, -1, -1, -1], [1, 1, -1, -1, 1, 1, -1, -1], [1, -1, 1, -1, 1, -1, 1, -1]]) * 1.0
    weights = xi.T @ xi / 8

    def model(beta):
        return Network({"x": Population(LogCosh(beta), 8)}, [Recurrent(("x",), weights)])

    mixture = np.tanh(1.8 * 0.4 * xi.sum(0))
    found = continue_fixed_points(model, "beta", 1.8, 2.5, queries=mixture[None], switch=False, branches=1)
    (event,) = found.branches[0].bifurcations
    assert event.parameter == pytest.approx(2.1748858800, abs=1e-9)
    assert event.multiplicity == 2
    assert event.stable_after
    assert not event.stable_before
    assert np.ptp(np.tanh(event.parameter * event.coordinates) @ xi.T) < 1e-9  # three equal overlaps


def test_an_input_current():
    """Any number may be the parameter: an input current along x drives x' = p + x - x^3 over two folds."""

    def model(p):
        energy = lambda x: (x**4 / 4 - x**2 / 2 - p * x).sum(-1)  # noqa: E731
        return energy_network(energy, 1, lambda x: x**3 - x - p, lambda x, u: (3 * x**2 - 1) * u)

    found = continue_fixed_points(model, "current", -0.6, 0.6)
    fold = 2 / 27**0.5
    assert events(found, "fold") == pytest.approx([-fold, fold], abs=1e-12)
    assert len(found.branches) == 1  # one S-shaped curve through both
    (branch,) = found.branches
    assert [e.stable_before for e in branch.bifurcations] == [True, False]
    assert np.allclose(branch.parameter, branch.state[:, 0] ** 3 - branch.state[:, 0], atol=1e-10)


def test_the_weight_of_a_pattern():
    """x_2 = p e_2 becomes a memory beside x_1 = e_1 in a fold: F = 0 and det J = 0, solved together."""

    def model(p):
        return ModernHopfield(np.array([[1.0, 0.0], [0.0, p]]), beta=4.0)

    def extended(u):
        net = field(model(u[2]))
        return [*net.velocity(u[:2]), np.linalg.det(net.hessian(u[:2]))]

    found = continue_fixed_points(model, "weight of pattern 1", 0.3, 1.5)
    exact = fsolve(extended, [0.2, 0.7, 0.8], xtol=1e-13)
    assert events(found, "fold") == pytest.approx([exact[2]], abs=1e-10)
    assert found.bifurcations[0].coordinates == pytest.approx(exact[:2], abs=1e-6)


def test_a_transcritical_bifurcation():
    def model(p):
        energy = lambda x: (x**3 / 3 - p * x**2 / 2).sum(-1)  # noqa: E731
        return energy_network(energy, 1, lambda x: x**2 - p * x, lambda x, u: (2 * x - p) * u)

    found = continue_fixed_points(model, "p", -1.0, 1.0, queries=np.array([[0.0]]))
    (event,) = found.bifurcations
    assert event.kind == "transcritical"
    assert event.parameter == pytest.approx(0, abs=1e-10)
    assert len(found.branches) == 2  # x = 0 and x = p


def test_a_subcritical_pitchfork_is_followed_through_its_folds():
    """x' = p x + x^3 - x^5: branches of the pitchfork at 0 turn round in folds at p = -1/4."""

    def model(p):
        energy = lambda x: (x**6 / 6 - x**4 / 4 - p * x**2 / 2).sum(-1)  # noqa: E731
        return energy_network(energy, 1, lambda x: x**5 - x**3 - p * x, lambda x, u: (5 * x**4 - 3 * x**2 - p) * u)

    found = continue_fixed_points(model, "p", -0.5, 0.5, queries=np.array([[0.0]]))
    assert events(found, "pitchfork") == pytest.approx([0.0], abs=1e-10)
    assert events(found, "fold") == pytest.approx([-0.25, -0.25], abs=1e-12)
    assert len(found.branches) == 2  # x = 0, and one curve through the pitchfork and both folds


def test_a_hopf_bifurcation_is_told_apart():
    from hopfield.analysis import velocity_network

    def model(p):
        matrix = np.array([[p, -1.0], [1.0, p]])

        def velocity(x):
            return x @ matrix.T - x * (x**2).sum(-1, keepdims=True)

        def product(x, u):
            return u @ matrix.T - u * (x**2).sum(-1, keepdims=True) - 2 * x * (x * u).sum(-1, keepdims=True)

        return velocity_network(velocity, 2, product)

    found = continue_fixed_points(model, "p", -0.5, 0.5, queries=np.zeros((1, 2)))
    (event,) = found.bifurcations
    assert (event.kind, event.multiplicity) == ("Hopf", 2)
    assert event.parameter == pytest.approx(0.0, abs=1e-10)
    assert np.isnan(found.branches[0].energy).all()


def test_euclidean_patterns_in_a_triangle():
    """Equal distances d: the Potts fold at min over a of ln(2a/(1-a)) 2/(3a - 1), over d^2."""
    patterns = 2 * np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.75**0.5]])
    least = minimize_scalar(lambda a: np.log(2 * a / (1 - a)) * 2 / (3 * a - 1), bounds=(0.4, 0.9), method="bounded")
    memory = UniversalHopfield(patterns, "euclidean", "softmax")
    found = continue_fixed_points(memory, "beta", 0.5, 1.0, queries=patterns, switch=False)
    assert events(found, "fold") == pytest.approx([least.fun / 4] * 3, rel=1e-9)


# --- how


def test_without_matrices(monkeypatch):
    monkeypatch.setattr("hopfield.analysis.branches._family.DENSE", 2)
    monkeypatch.setattr("hopfield.analysis.flow._descent.DENSE", 2)
    d, m = np.zeros(12), np.zeros(12)
    d[0], m[:2] = 1.0, (0.1, 0.5)
    patterns = np.array([m + d, m - d])
    memory = lambda beta: ModernHopfield(patterns, beta=beta)  # noqa: E731
    found = continue_fixed_points(memory, "beta", 1.2, 1.8, queries=[m - d], switch=False)
    assert events(found, "fold") == pytest.approx([1.372235911097], abs=1e-8)


@pytest.mark.parametrize("library", [pytest.param("jax", marks=pytest.mark.slow), "torch"])
def test_other_libraries(library):
    pytest.importorskip(library)
    memory = ModernHopfield(to_library(OPPOSITE, library))
    found = continue_fixed_points(memory, "beta", 0.8, 1.2, queries=np.zeros((1, 2)), switch=False)
    assert events(found, "branch point") + events(found, "pitchfork") == pytest.approx([1.0], rel=1e-9)


def test_float32():
    memory = ModernHopfield(OPPOSITE.astype(np.float32))
    found = continue_fixed_points(memory, "beta", 0.8, 1.2, queries=np.zeros((1, 2)))
    assert events(found, "pitchfork") == pytest.approx([1.0], rel=1e-3)


def test_the_tangent_is_that_of_the_curve():
    """On a = tanh(beta a), da/dbeta = a (1 - a^2)/(1 - beta (1 - a^2))."""
    family = family_of(ModernHopfield(np.array([[1.0], [-1.0]])), "beta", 1.0, 3.0)
    beta = 2.0
    a = brentq(lambda t: np.tanh(beta * t) - t, 0.1, 2)
    t = tangent(family, np.array([a, beta / 2]), np.array([0.0, 1.0]))
    assert t[0] / t[1] / 2 == pytest.approx(a * (1 - a**2) / (1 - beta * (1 - a**2)), rel=1e-6)
    assert spectrum(family, np.array([a, beta / 2])).values[0] == pytest.approx(beta * (1 - a**2) - 1)


def test_without_switching_the_branch_is_alone():
    found = continue_fixed_points(ModernHopfield(OPPOSITE), "beta", 0.5, 2.0, queries=np.zeros((1, 2)), switch=False)
    assert len(found.branches) == 1
    assert events(found, "pitchfork") == pytest.approx([1.0])


def test_limits_are_said():
    memory = ModernHopfield(np.eye(3))
    few = continue_fixed_points(memory, "beta", 2.5, 4.0, queries=np.eye(3), branches=1)
    assert any("were not followed" in note for note in few.notes)
    short = continue_fixed_points(memory, "beta", 2.5, 4.0, queries=np.eye(3)[:1], points=3, switch=False)
    assert any("points=3" in note for note in short.notes)
    assert "points=3" in str(short)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"start": 2.0, "stop": 1.0}, "start must be below stop"),
        ({"parameter": "betta"}, "Did you mean 'beta'"),
        ({"step": 0.0}, "step must be"),
        ({"stop": np.inf}, "both finite"),
    ],
)
def test_bad_input(change, match):
    arguments = {"parameter": "beta", "start": 0.5, "stop": 1.0, **change}
    with pytest.raises(ValueError, match=match):
        continue_fixed_points(ModernHopfield(OPPOSITE), **arguments)


def test_what_is_no_model():
    with pytest.raises(TypeError, match="function from the parameter"):
        continue_fixed_points(3.0, "beta", 0.5, 1.0)
    with pytest.raises(ValueError, match="kinks"):
        continue_fixed_points(UniversalHopfield(OPPOSITE, "manhattan", "softmax"), "beta", 0.5, 1.0)


# --- the picture


def test_the_bifurcation_diagram(tmp_path):
    found = continue_fixed_points(ModernHopfield(OPPOSITE), "beta", 0.5, 2.0)
    ax = plot_bifurcation(found, measure=OPPOSITE[0], title="pitchfork")
    lines = [line for line in ax.get_lines() if len(line.get_xdata()) > 1]
    for line in lines:
        x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
        on_axis = np.abs(y).max() < 1e-9
        if line.get_linestyle() == "--":
            assert on_axis
            assert x.min() >= 1 - 1e-9
        else:
            assert to_hex(line.get_color()) == BLUE.lower()
            assert not on_axis or x.max() <= 1 + 1e-9
    (mark,) = [line for line in ax.get_lines() if line.get_label() == "pitchfork"]
    assert mark.get_xdata() == pytest.approx([1.0])
    assert ax.get_xlabel() == r"$\beta$"
    ax.figure.savefig(tmp_path / "bifurcation.png")
    assert (tmp_path / "bifurcation.png").stat().st_size > 5000
    for measure in ("energy", "norm", lambda states: states[:, 0] ** 2):
        plot_bifurcation(found, measure=measure)
    with pytest.raises(ValueError, match="measure must be"):
        plot_bifurcation(found, measure="height")


def test_the_report(tmp_path):
    found = continue_fixed_points(ModernHopfield(OPPOSITE), "beta", 0.5, 2.0)
    assert "pitchfork      at beta = 1" in str(found)
    plain = json.loads(found.to_json(tmp_path / "branches.json").read_text())["results"]["branches"]
    assert plain["bifurcations"][0]["kind"] == "pitchfork"
    assert len(plain["branches"]) == 2


def test_the_census_agrees_with_the_branches():
    rng = np.random.default_rng(3)
    patterns = rng.normal(size=(3, 4))
    memory = ModernHopfield(patterns, beta=2.0)
    found = continue_fixed_points(memory, "beta", 0.2, 2.0)
    census = find_fixed_points(memory)
    states, stable = found.at(2.0)
    assert len(states) == len(census)
    assert stable.sum() == census.stable.sum()


def test_continuation_refuses_what_it_cannot_vary():
    memory = ModernHopfield(np.eye(3))
    with pytest.raises(ValueError, match="'memories' of ModernHopfield is not a number"):
        continue_fixed_points(memory, "memories", 1.0, 2.0)
    with pytest.raises(ValueError, match="queries are empty"):
        continue_fixed_points(memory, "beta", 1.0, 2.0, queries=np.zeros((0, 3)))


@pytest.mark.parametrize("seed", range(4))
def test_fixed_points_of_cosine_are_followed_as_directions(seed):
    """Along its ray a state is free, so that the Jacobian is singular everywhere on a branch."""
    memory = UniversalHopfield(np.random.default_rng(seed).normal(size=(3, 4)), "cosine", beta=4.0)
    found = continue_fixed_points(memory, "beta", 3.0, 6.0, queries=memory.memories, switch=False)
    assert found.branches
    unit = memory.memories / np.linalg.norm(memory.memories, axis=1, keepdims=True)
    for branch in found.branches:
        for beta, x in list(zip(branch.parameter, branch.state, strict=True))[::5]:
            there = UniversalHopfield(memory.memories, "cosine", beta=float(beta)).weights(x) @ unit
            np.testing.assert_allclose(there / np.linalg.norm(there), x / np.linalg.norm(x), atol=1e-6)


def test_queries_that_lead_nowhere_of_their_own_are_followed_by_where_the_flow_takes_them():
    found = continue_fixed_points(ModernHopfield(np.eye(3)), "beta", 0.5, 1.0, queries=5 * np.ones((1, 3)))
    assert found.branches or found.notes
    for branch in found.branches:
        np.testing.assert_allclose(branch.state, 1 / 3, atol=1e-6)


@pytest.mark.broad
def test_queries_with_batch_axes_begin_the_same_branches():
    memory = ModernHopfield(np.eye(3, 4), beta=2.0)
    plain = continue_fixed_points(memory, "beta", 2.0, 4.0, queries=np.eye(2, 4))
    other = continue_fixed_points(memory, "beta", 2.0, 4.0, queries=np.eye(2, 4)[None, :, None])
    assert str(plain) == str(other)
    assert len(plain.branches) > 1


def test_a_range_that_dwarfs_its_lower_end_does_not_leave_the_models():
    """The lower end is below the rounding of the upper: Newton's method may not step past it to beta < 0."""
    memory = ModernHopfield(np.eye(3, 4), beta=2.0)
    found = continue_fixed_points(memory, "beta", 0.5, 1e300, points=20, branches=2)
    assert all((branch.parameter >= 0.5).all() and (branch.parameter <= 1e300).all() for branch in found.branches)


def test_states_at_a_value_are_fixed_points_and_not_means_of_two():
    """x = tanh(beta x) on the pitchfork's arms, at any beta, in any direction and right beside the fold of others."""
    found = continue_fixed_points(ModernHopfield(np.array([[1.0], [-1.0]])), "beta", 0.5, 2.0, step=0.2)
    for beta in (1.0001, 1.003, 1.01, 1.1, 1.237, 1.9):
        states, stable = found.at(beta)
        a = brentq(lambda t, beta=beta: np.tanh(beta * t) - t, 1e-3, 2)
        np.testing.assert_allclose(np.sort(states[:, 0]), [-a, 0, a], atol=1e-10)
        np.testing.assert_array_equal(stable, np.abs(states[:, 0]) > 1e-6)
    assert found.at(0.9)[1].all()
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_allclose(np.sort(again.at(1.237)[0], 0), np.sort(found.at(1.237)[0], 0), atol=0.02)


@pytest.mark.parametrize("near", [1e-9, 1e-6, 1e-3])
def test_states_beside_a_fold_are_fixed_points(near):
    """x' = p + x - x^3 has folds at p = -+2/27^(1/2)."""

    def model(p):
        return energy_network(
            lambda x: (x**4 / 4 - x**2 / 2 - p * x).sum(-1), 1, lambda x: x**3 - x - p, lambda x, u: (3 * x**2 - 1) * u
        )

    found = continue_fixed_points(model, "current", -0.6, 0.6)
    p = 2 / 27**0.5 - near
    states, stable = found.at(p)
    roots = np.sort(np.roots([1, 0, -1, -p]).real)
    np.testing.assert_allclose(np.sort(states[:, 0]), roots, atol=1e-12 / near**0.5 + 1e-9)
    assert sorted(states[stable, 0]) == pytest.approx([roots[0], roots[2]], abs=1e-12 / near**0.5 + 1e-9)
    assert len(found.at(p + 2 * near)[0]) == 1


def test_a_place_of_least_force_is_no_branch_in_single_precision():
    """Beside a fold, where x' is about p - x^2 with p < 0, Newton's steps stay short though the force is not zero."""
    M = np.array([[1.2, 0.3], [-0.6, 1.0], [0.1, -0.8]], np.float32)
    for kind in (np.float32, np.float64):
        memory = ModernHopfield(M.astype(kind), beta=3.0)
        found = continue_fixed_points(memory, "beta", 1.0, 4.0, queries=memory.memories, step=0.1)
        assert len(found.branches) == 2
        for branch in found.branches:
            for beta, x in zip(branch.parameter, branch.state, strict=True):
                e = np.exp(beta * (M @ x - (M @ x).max()))
                assert np.abs(e @ M / e.sum() - x).max() < 1e-5
