"""Searches that end early, by their time or by Ctrl-C, and censuses of some indices: what is known is kept and said."""

import _thread
import itertools
import signal
import sys
import threading

import numpy as np
import pytest

import hopfield.analysis.results._budget as clock
from helpers import few
from hopfield.analysis import (
    Noisy,
    basin_radius,
    basins_of_attraction,
    continue_fixed_points,
    energy_network,
    field,
    find_fixed_points,
    landscape,
)
from hopfield.analysis.fixed_points import neighbours
from hopfield.analysis.results import Budget
from hopfield.models import ModernHopfield, UniversalHopfield


class Clock:
    """A monotonic clock that jumps a thousand seconds at the k-th look, so that tests do not hang on the machine."""

    def __init__(self, k):
        self.k, self.looks = k, 0

    def monotonic(self):
        """The time."""
        self.looks += 1
        return 1000.0 * (self.looks > self.k)


@pytest.fixture(autouse=True)
def _interrupts_are_heeded():
    """As in a terminal; a job of a shell ignores them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def stopped_at(monkeypatch):
    """A function that lets time run out at the k-th look at the clock from now on."""

    def at(k):
        monkeypatch.setattr(clock, "time", Clock(k))

    yield at
    monkeypatch.undo()


def simplex(count, beta=9.0):
    """Orthonormal patterns, of which every set has one fixed point: its mean, nearly, of index |set| - 1."""
    return ModernHopfield(np.eye(count), beta=beta)


CUES = np.random.default_rng(0).uniform(0, 1, (300, 4))
SEARCHES = {
    "find_fixed_points": lambda **s: find_fixed_points(simplex(3), **s),
    "at jumps": lambda **s: find_fixed_points(UniversalHopfield(np.eye(4), "manhattan", beta=5.0), **s),
    "basins": lambda **s: basins_of_attraction(simplex(4), CUES, **s),
    "landscape": lambda **s: landscape(simplex(2), **s),
    "branches": lambda **s: continue_fixed_points(ModernHopfield([[1.0], [-1.0]]), "beta", 0.5, 2.0, **s),
    "radius": lambda **s: basin_radius(simplex(2), 0, directions=8, **s),
}


def sizes(found):
    """How much a result holds."""
    for name in ("state", "minima", "branches"):
        if hasattr(found, name):
            return len(getattr(found, name))
    return int((found.labels >= 0).sum()) if hasattr(found, "labels") else int(np.isfinite(found.adversarial))


# --------------------------------------------------------------------------------------------------- what is wanted


@pytest.mark.parametrize("largest", [0, 1, 2])
def test_points_up_to_an_index_are_those_of_the_whole_census(largest):
    whole = find_fixed_points(simplex(4), wanted="all")
    some = find_fixed_points(simplex(4), wanted=largest)
    low = whole.select(whole.index <= largest)
    assert len(low) == len(some) == sum(len(list(itertools.combinations(range(4), k + 1))) for k in range(largest + 1))
    gaps = np.linalg.norm(low.state[:, None] - some.state, axis=-1)
    assert gaps.min(axis=1).max() <= 1e-9
    assert (some.morse_sum, some.complete) == (None, "in part")
    assert f"points of index {largest + 1} and more" in some.skipped
    assert not some.stopped
    assert "Not looked for" in some.verdict()


def test_beyond_12_patterns_a_census_is_of_attractors_and_the_saddles_between_neighbours():
    few, many = find_fixed_points(simplex(3)), find_fixed_points(simplex(13, 30.0))
    assert few.complete == "not refuted"
    assert many.complete == "in part"
    assert set(many.index) == {0, 1}
    assert sorted(many.pattern[many.index == 0]) == list(range(13))
    joined = [frozenset(np.argsort(-row)[:2]) for row in many.activation[many.index == 1]]
    assert len(joined) == len(set(joined)) >= 13 * 6 / 2  # each has six neighbours
    exact = np.array([[0.5 * (i in pair) for i in range(13)] for pair in joined])
    assert np.abs(many.activation[many.index == 1] - exact).max() <= 0.05
    deeper = find_fixed_points(simplex(13, 30.0), wanted="attractors")
    assert len(deeper) == 13


def test_attractors_that_are_no_patterns_are_found_from_random_states():
    rows = np.random.default_rng(0).standard_normal((14, 2))
    memory = ModernHopfield(rows / np.linalg.norm(rows, axis=1, keepdims=True), beta=12.0)
    reference = find_fixed_points(memory, wanted="all", most=4000)
    found = find_fixed_points(memory, wanted="attractors")
    assert set(found.kind) - {"memory"}
    stable = reference.select(reference.index == 0)
    assert len(found) == len(stable)
    assert np.linalg.norm(found.state[:, None] - stable.state, axis=-1).min(axis=1).max() <= 1e-8


def test_what_is_wanted_is_checked_and_given_starts_keep_all_they_lead_to():
    with pytest.raises(ValueError, match="wanted"):
        find_fixed_points(simplex(2), wanted="minima")
    with pytest.raises(ValueError, match="wanted"):
        find_fixed_points(simplex(2), wanted=-1)
    middle = np.full((1, 13), 1 / 13)
    assert find_fixed_points(simplex(13, 30.0), middle).index.max() > 1
    assert len(find_fixed_points(simplex(13, 30.0), middle, wanted=1)) <= 1


def test_where_there_are_no_patterns_an_index_cuts_the_whole_census():
    double_well = energy_network(lambda x: ((x**2 - 1) ** 2).sum(-1), 2, lambda x: 4 * x * (x**2 - 1))
    found = find_fixed_points(double_well, wanted=1)
    assert np.bincount(found.index).tolist() == [4, 4]


def test_index_from_the_patterns_that_take_part_is_that_of_the_whole_matrix():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((500, 450))
    memory = ModernHopfield(rows / np.linalg.norm(rows, axis=1, keepdims=True), beta=150.0)
    found = find_fixed_points(memory, memory.memories[:3])
    pair = find_fixed_points(memory, memory.memories[:2].mean(axis=0, keepdims=True))
    for census in (found, pair):
        assert census.how == "low rank"
        for state, values, index in zip(census.state, census.eigenvalues, census.index, strict=True):
            exact = np.linalg.eigvalsh(field(memory).hessian(state[None])[0])
            assert index == (exact < 0).sum()
            assert np.abs(values - exact[: len(values)]).max() <= 1e-9
    assert 1 in pair.index


def test_neighbours_are_near_and_connect_all():
    import networkx

    points = np.random.default_rng(0).standard_normal((40, 5))
    points[20:] += 100.0
    pairs = neighbours(points)
    assert networkx.is_connected(networkx.Graph(pairs.tolist()))
    gaps = np.linalg.norm(points[:, None] - points, axis=-1)
    for i in range(40):
        assert {tuple(sorted((i, j))) for j in np.argsort(gaps[i])[1:7].tolist()} <= set(map(tuple, pairs.tolist()))


# ------------------------------------------------------------------------------------------------- time that ran out


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_without_time_says_what_it_did_not_look_for(name, stopped_at):
    whole = SEARCHES[name](seconds=1e6)
    assert whole.stopped == ""
    last = 0
    for looks in (1, 2 if name == "at jumps" else 6):
        stopped_at(looks)
        found = SEARCHES[name](seconds=10.0)
        assert found.stopped == "stopped after 10 s"
        assert found.skipped
        assert last <= sizes(found) <= sizes(whole)
        last = sizes(found)
        shown = found.verdict() if hasattr(found, "verdict") else str(found)
        assert " ".join(shown.split()).count("Stopped after 10 s.") == 1


def test_a_census_that_ran_out_of_time_holds_fixed_points_only_and_does_not_claim_more(stopped_at):
    whole = find_fixed_points(simplex(4))
    stopped_at(5)
    found = find_fixed_points(simplex(4), seconds=10.0)
    assert 0 < len(found) <= len(whole)
    assert np.linalg.norm(found.state[:, None] - whole.state, axis=-1).min(axis=1).max() <= 1e-9
    assert found.complete != "not refuted"
    assert "stopped after 10 s" in repr(found)


def test_cues_without_time_are_not_known_and_the_others_are_right(stopped_at):
    cues = np.random.default_rng(1).uniform(0, 1, (1000, 4))
    whole, some = basins_of_attraction(simplex(4), cues, timed=False), 0
    for looks in range(10, 40, 5):
        stopped_at(looks)
        found = basins_of_attraction(simplex(4), cues, timed=False, seconds=10.0)
        known = found.labels >= 0
        assert (found.pattern[known] == whole.pattern[known]).all()
        if found.unresolved > whole.unresolved:
            assert f"where {found.unresolved} of {len(cues)} cues lead" in found.skipped
            some += known.sum() > 0
    assert some


@pytest.mark.parametrize("looks", few([40, 10], 1))
def test_a_radius_that_ran_out_of_time_is_still_an_escape(looks, stopped_at):
    whole = basin_radius(simplex(4), 0)
    stopped_at(looks)
    found = basin_radius(simplex(4), 0, seconds=10.0)
    assert found.certified == whole.certified
    assert found.adversarial >= whole.adversarial * (1 - 1e-5)
    if found.witness is not None:
        assert basins_of_attraction(simplex(4), found.witness).pattern != 0


# ------------------------------------------------------------------------------------------------------- Ctrl-C


@pytest.mark.parametrize("name", SEARCHES)
def test_ctrl_c_ends_a_search_with_what_is_known(name, monkeypatch):
    before, looks = signal.getsignal(signal.SIGINT), itertools.count()
    plain = Budget.spent.fget

    def spent(budget):
        if next(looks) == 1:
            _thread.interrupt_main()  # what the terminal sends
        return plain(budget)

    monkeypatch.setattr(Budget, "spent", property(spent))
    found = SEARCHES[name]()
    assert found.stopped.startswith("interrupted after")
    assert found.skipped
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_breaks_off_at_once_and_keeps_what_was_found():
    calls = itertools.count()

    def slope(x):
        if next(calls) in (40, 41):
            signal.raise_signal(signal.SIGINT)
        return 4 * x * (x**2 - 1)

    found = find_fixed_points(energy_network(lambda x: ((x**2 - 1) ** 2).sum(-1), 1, slope))
    assert found.stopped.startswith("interrupted")
    assert "what the search was looking for when it was broken off" in found.skipped


def test_a_keyboard_interrupt_of_anyone_else_ends_a_search_too():
    calls = itertools.count()

    def slope(x):
        if next(calls) == 40:
            raise KeyboardInterrupt
        return 4 * x * (x**2 - 1)

    found = find_fixed_points(energy_network(lambda x: ((x**2 - 1) ** 2).sum(-1), 1, slope))
    assert found.stopped.startswith("interrupted")


def test_handlers_of_others_and_other_threads_are_left_alone():
    def own(*_):
        """Somebody's plan."""

    before = signal.signal(signal.SIGINT, own)
    try:
        with Budget():
            assert signal.getsignal(signal.SIGINT) is own
    finally:
        signal.signal(signal.SIGINT, before)
    found = []
    thread = threading.Thread(target=lambda: found.append(find_fixed_points(simplex(2))))
    thread.start()
    thread.join()
    assert len(found[0]) == 3


# ------------------------------------------------------------------------------------------------------ the bar


def test_a_bar_is_shown_on_a_terminal_alone(monkeypatch):
    import io

    class Terminal(io.StringIO):
        """Standard error that says that it is a terminal."""

        def isatty(self):
            """It is."""
            return True

    monkeypatch.setenv("TERM", "xterm")
    for stream, seen in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        with Budget(progress=True) as budget:
            assert (budget._bar is not None) is seen
            list(budget.each("rows", range(3)))
        find_fixed_points(simplex(2), batches=1, progress=True)
        basins_of_attraction(simplex(2), Noisy(4, 0.1), progress=True)
        assert bool(stream.getvalue()) is seen
