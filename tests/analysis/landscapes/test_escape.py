"""Rates of escape: the formula against exact passage times in one and two dimensions, simulations, chains by hand."""

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import spsolve

from helpers import LIBRARIES
from hopfield import Euler, ModernHopfield, UniversalHopfield, simulate
from hopfield.analysis import EscapeRates, energy_network, escape_rates, find_fixed_points, landscape
from hopfield.dynamics import Bilinear, Network, Population, Quadratic, Synapse, structure
from hopfield.models import BidirectionalMemory

PAIR = ModernHopfield([[1.0], [-1.0]], beta=2.0, tau_memory=0.0)
HILLS = landscape(PAIR)
BOTTOM = float(np.abs(HILLS.minima).max())


def energy(v):
    return v * v / 2 - np.log(2 * np.cosh(2 * v)) / 2


def exact_time(temperature, start=-BOTTOM, end=BOTTOM):
    """The mean first passage time (1/T) int_start^end e^(E/T) int_-inf^y e^(-E/T), by the trapezium rule."""
    v = np.linspace(-3, end, 200001)
    inner = np.exp(-(energy(v) - energy(BOTTOM)) / temperature)
    below = np.concatenate([[0], np.cumsum((inner[1:] + inner[:-1]) / 2)]) * (v[1] - v[0])
    outer = np.where(v >= start, below * np.exp((energy(v) - energy(BOTTOM)) / temperature), 0.0)
    return np.trapezoid(outer, v) / temperature


def test_the_formula_and_the_exact_rates_of_two_memories():
    exact = {temperature: 1 / exact_time(temperature) for temperature in (0.05, 0.04, 0.03)}
    assert exact == pytest.approx({0.05: 4.6205e-3, 0.04: 2.1240e-3, 0.03: 5.690e-4}, rel=1e-4)
    for temperature, rate in exact.items():
        found = escape_rates(HILLS, temperature)
        assert found.between(0, 1).rate == pytest.approx(found.rate[0, 1], rel=1e-12)
        wrong = found.rate[0, 1] / rate - 1
        assert found.correction[0, 0] < wrong < 1.7 * found.correction[0, 0]  # which is of the first order in T
    assert escape_rates(HILLS, 0.05).rate[0, 1] == pytest.approx(5.55e-3, rel=1e-3)
    assert escape_rates(HILLS, 0.03).rate[0, 1] == pytest.approx(6.29e-4, rel=1e-3)


def test_the_formula_is_exact_as_the_temperature_falls():
    errors = []
    for temperature in (0.02, 0.01, 0.005):
        found = escape_rates(HILLS, temperature)
        wrong = found.rate[0, 1] * exact_time(temperature) - 1
        errors.append(wrong)
        assert wrong == pytest.approx(found.correction[0, 0], rel=16 * temperature)
    assert errors[1] / errors[2] == pytest.approx(2, rel=0.05)  # of the order of T
    assert errors[2] < 0.014


def test_rates_below_what_floats_hold_are_told_of_and_have_their_logarithm():
    found = escape_rates(HILLS, 1e-4)
    climb, part = float(found.climb[0, 0]), float(found.log_rate[0, 1])
    assert part == pytest.approx(-climb / 1e-4, abs=5)
    assert found.rate[0, 1] == 0
    assert f"2 rates, down to 10^{part / np.log(10):.0f}, are below what float64 holds" in str(found)
    assert "below what float64 holds" not in str(escape_rates(HILLS, 0.03))


def exact_in_the_plane(memory, temperature, targets, radius, half=1.6, side=151):
    """Mean first passage times on a grid to discs around minima: a jump process that tends to the diffusion."""
    axis = np.linspace(-half, half, side)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    level, h = memory.energy(grid) / temperature, axis[1] - axis[0]
    number = np.arange(side * side).reshape(side, side)
    sides = (number[:-1], number[1:]), (number[:, :-1], number[:, 1:])
    pairs = np.concatenate([np.stack([a.ravel(), b.ravel()], axis=1) for a, b in sides])
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    climb = level[pairs[:, 1]] - level[pairs[:, 0]]
    small = np.abs(climb) < 1e-9
    jump = temperature / h**2 * np.where(small, 1 - climb / 2, climb / np.expm1(np.where(small, 1.0, climb)))
    rates = coo_matrix((jump, (pairs[:, 0], pairs[:, 1])), shape=(len(grid),) * 2).tocsr()
    generator = (rates - diags(np.asarray(rates.sum(axis=1)).ravel())).tocsr()
    times = np.zeros((len(targets), len(targets)))
    for j, target in enumerate(targets):
        free = np.flatnonzero(np.linalg.norm(grid - target, axis=-1) > radius)
        found = np.zeros(len(grid))
        found[free] = spsolve(generator[free][:, free].tocsc(), -np.ones(len(free)))
        for i, start in enumerate(targets):
            times[i, j] = found[np.linalg.norm(grid - start, axis=-1).argmin()]
    return times


def test_three_memories_in_the_plane_agree_with_the_diffusion_on_a_grid():
    rows = np.array([[1.0, 0.0], [-0.6, 0.8], [-0.5, -0.9]])
    memory = ModernHopfield(rows, beta=4.0, tau_memory=0.0)
    hills = landscape(memory)
    assert len(hills.minima) == 3
    wrong = []
    for temperature in (0.018, 0.012):
        found = escape_rates(hills, temperature)
        exact = exact_in_the_plane(memory, temperature, hills.minima, 0.15)
        off = ~np.eye(3, dtype=bool)
        wrong.append(np.abs(found.passage[off] / exact[off] - 1).max())
    assert wrong[0] < 0.05
    assert wrong[1] < 0.02


def test_dimensions_that_are_added_change_nothing_and_time_constants_scale_the_rates():
    wide = escape_rates(landscape(ModernHopfield([[1.0, 0, 0, 0, 0, 0], [-1.0, 0, 0, 0, 0, 0]], beta=2.0)), 0.04)
    slow = escape_rates(landscape(ModernHopfield([[1.0], [-1.0]], beta=2.0, tau_value=3.0)), 0.04)
    one = escape_rates(HILLS, 0.04)
    np.testing.assert_allclose(wide.rate, one.rate, rtol=1e-6)
    np.testing.assert_allclose(slow.rate, one.rate / 3, rtol=1e-6)
    np.testing.assert_allclose(wide.correction, one.correction, rtol=1e-2)


@pytest.mark.parametrize("library", LIBRARIES)
def test_rates_are_those_of_every_library(library):
    found = escape_rates(landscape(PAIR.to(library)), 0.04)
    np.testing.assert_allclose(found.rate, escape_rates(HILLS, 0.04).rate, rtol=1e-6)


@structure
class Wells(Synapse):
    """-b ln cosh g."""

    bend: float
    between = ("x",)

    def energy(self, g):
        return -self.bend * np.log(np.cosh(g)).sum(-1)

    def forces(self, g):
        return (self.bend * np.tanh(g),)


@pytest.mark.parametrize("slow", [1.0, 5.0])
def test_populations_of_their_own_times_enter_by_the_growth_at_the_saddle(slow):
    r"""E = -b ln cosh x + x^2/2 + (y - x)^2/2 of two populations, y slower: the saddle is left at the flow's rate."""
    bend = 2.0
    net = Network(
        {"x": Population(Quadratic(), 1, leak=2.0), "y": Population(Quadratic(), 1, tau=slow)},
        {"pull": Bilinear(("x", "y"), np.ones((1, 1))), "well": Wells(bend)},
    )
    x = 0.0
    for _ in range(200):
        x = bend * np.tanh(x + 1.0 * (x == 0))
    found = escape_rates(landscape(net, find_fixed_points(net, np.array([[2.0, 2.0], [-2.0, -2.0]]))), 0.05)
    hessian = [np.array([[2 - bend * (1 - np.tanh(z) ** 2), -1.0], [-1.0, 1.0]]) for z in (x, 0.0)]
    growth = np.linalg.eigvals(-np.diag([1.0, 1 / slow]) @ hessian[1]).real.max()
    climb = x * x / 2 - bend * np.log(np.cosh(x))
    rate = growth / (2 * np.pi) * np.sqrt(np.linalg.det(hessian[0]) / -np.linalg.det(hessian[1])) * np.exp(climb / 0.05)
    assert found.rate[0, 1] == pytest.approx(rate, rel=1e-5)


# -------------------------------------------------------------------------------------------- chains by hand


def chain(rate):
    """Rates as they are given, without a landscape."""
    rate = np.asarray(rate, dtype=float)
    with np.errstate(divide="ignore"):
        log_rate = np.log(rate)
    count = len(rate)
    nothing = np.zeros((0, 2))
    return EscapeRates(
        1.0, log_rate, np.log(np.full(count, 1 / count)), nothing, nothing.astype(int), nothing,
        np.zeros(count), np.full(count, "memory"), np.arange(count),
    )  # fmt: skip


def test_first_passage_times_solve_their_equations():
    rate = np.random.default_rng(0).exponential(size=(7, 7)) ** 3
    np.fill_diagonal(rate, 0.0)
    found = chain(rate)
    for to in range(7):
        others = [k for k in range(7) if k != to]
        times = np.linalg.solve(found.generator[np.ix_(others, others)], -np.ones(6))
        np.testing.assert_allclose(found.passage[others, to], times, rtol=1e-10)
        assert found.passage[to, to] == 0
    np.testing.assert_allclose(found.stay, 1 / rate.sum(axis=1))
    for time in (0.0, 0.01, 0.7, 30.0):
        np.testing.assert_allclose(found.transitions(time), expm(found.generator * time), atol=1e-13)


def test_rates_of_very_different_sizes_lose_no_digits():
    rate = np.array([[0, 1.0, 0], [1e-20, 0, 1e-20], [0, 1.0, 0]])  # out of 0 or 2 at once, out of 1 hardly ever
    found = chain(rate)
    assert found.passage[1, 0] == pytest.approx(1e20, rel=1e-13)  # half of the jumps go to 2 and come back
    assert found.transitions(1e18)[1, 0] == pytest.approx(1e-20, rel=1e-10)
    fast = np.array([[0, 1.0, 1e-20], [1.0, 0, 0], [1e-20, 0, 0]])  # 0 and 1 to and fro, 2 apart
    p = chain(fast).transitions(1e19)
    gone = 1 / 3 * (1 - np.exp(-1.5 * 1e-20 * 1e19))  # the pair is one state, left at half the rate
    assert p[0, 2] == pytest.approx(gone, rel=1e-9)
    far = chain(np.exp(-np.array([[np.inf, 2000.0], [2000.0, np.inf]])))
    assert np.isinf(far.passage[0, 1])
    assert far.rate[0, 1] == 0


def test_what_cannot_be_reached_takes_for_ever():
    found = chain([[0, 1.0, 1.0], [1.0, 0, 0], [0, 0, 0]])
    assert np.isinf(found.passage[0, 1])  # it may end in 2, and stays there
    assert found.passage[0, 2] == pytest.approx(2.0)
    assert found.passage[1, 2] == pytest.approx(3.0)


def test_jumps_are_in_detailed_balance():
    found = escape_rates(landscape(ModernHopfield(np.diag([1.0, 1.1, 1.2]), beta=7.0)), 0.02)
    flux = found.weight[:, None] * found.rate
    np.testing.assert_allclose(flux, flux.T, rtol=1e-6)
    assert found.weight.sum() == pytest.approx(1)
    np.testing.assert_allclose(found.weight @ found.transitions(1e3), found.weight, rtol=1e-9)


# ------------------------------------------------------------------------------------------------ its limits


def test_it_says_how_far_the_temperature_is_from_the_barrier():
    good = escape_rates(HILLS, 0.03)
    assert good.reliable
    np.testing.assert_allclose(good.far, 0.163262 / 0.03, rtol=1e-5)
    assert "the lowest barrier is 5.44 T" in str(good)
    assert "good up to T=0.0544" in str(good)
    with pytest.warns(UserWarning, match=r"the lowest barrier is 2.04 T, .* is good up to T=0.0544 alone"):
        assert not escape_rates(HILLS, 0.08).reliable


def test_what_has_no_such_rates_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(TypeError, match="landscape must be what landscape"):
        escape_rates(PAIR, 0.1)
    for wrong in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="temperature"):
            escape_rates(HILLS, wrong)
    with pytest.raises(ValueError, match="over T=1e-320 are too large for float64"):
        escape_rates(HILLS, 1e-320)
    pairs = BidirectionalMemory(np.array([[1.0, -1, 1, 1], [-1, -1, 1, -1]]), np.array([[1.0, -1, 1], [1, 1, -1]]))
    with pytest.raises(ValueError, match="activation g = x"):
        escape_rates(landscape(pairs), 0.1)
    rows = np.array([[1.0, 0.2], [-0.4, 1.0]])
    with pytest.raises(ValueError, match="flat along rays"):
        escape_rates(landscape(UniversalHopfield(rows, "cosine", beta=8.0)), 0.1)
    with pytest.raises(ValueError, match="Forces jump here"):
        escape_rates(landscape(UniversalHopfield(rows, "manhattan", beta=4.0)), 0.1)
    with pytest.raises(ValueError, match="No minimum belongs to pattern 5"):
        escape_rates(HILLS, 0.03).between(0, 5)
    with pytest.raises(ValueError, match="belong to one minimum"):
        escape_rates(HILLS, 0.03).between(1, 1)
    with pytest.raises(ValueError, match="time must be"):
        escape_rates(HILLS, 0.03).transitions(-1.0)


def test_a_degenerate_minimum_is_refused():
    quartic = energy_network(lambda x: (x**4).sum(-1) / 4, 1, lambda x: x**3, lambda x, u: 3 * x**2 * u)
    with pytest.raises(ValueError, match=r"The minimum 0 is degenerate"):
        escape_rates(landscape(quartic), 0.1)


def test_a_report_holds_the_numbers(tmp_path):
    import json

    found = escape_rates(HILLS, 0.03)
    held = json.loads(found.to_json(tmp_path / "rates.json").read_text())["results"]["escape_rates"]
    np.testing.assert_allclose(held["rate"], found.rate)
    assert held["passage"][0][1] == pytest.approx(found.passage[0, 1])


# ------------------------------------------------------------------------------------------------ simulations


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0.05, 0.04, 0.03])
def test_simulated_passages_agree_with_the_exact_rates(temperature):
    exact = 1 / exact_time(temperature)
    walkers, ends = 1500, 2.5 / exact
    run = simulate(
        PAIR,
        np.full((walkers, 1), -BOTTOM),
        t1=ends,
        integrator=Euler(0.02),
        save_at=5 if temperature > 0.03 else 10,  # within 1 GiB
        temperature=temperature,
        seed=1,
    )
    there = run.states["value"][..., 0] >= BOTTOM
    first = np.where(there.any(axis=0), run.times[there.argmax(axis=0)], ends)
    events = int(there.any(axis=0).sum())
    rate = events / first.sum()  # the most likely rate, of passages that are cut off at the end of the run
    assert rate == pytest.approx(exact, rel=3 / np.sqrt(events))
