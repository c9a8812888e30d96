"""Landscapes of many patterns, by the few that take part at each saddle and on each string, and by all."""

import itertools

import networkx
import numpy as np
import pytest

from hopfield.analysis import field, find_fixed_points, landscape, string_method
from hopfield.analysis.flow import flow_of
from hopfield.analysis.landscapes import _ways
from hopfield.analysis.landscapes._landscape import _minimax
from hopfield.analysis.landscapes._saddles import passes
from hopfield.analysis.results import Budget
from hopfield.models import UniversalHopfield

ROWS = 80  # patterns of 72 values: more than 64 of both


PAIRS = np.stack([np.arange(30), np.arange(30) + 30], axis=1)


def memory_of(similarity):
    """Patterns in a few clusters, so that some neighbours are joined by a saddle and some are not."""
    rng = np.random.default_rng(0)
    rows = 0.35 * rng.normal(size=(8, 72))[rng.integers(8, size=ROWS)] + 0.5 * rng.normal(size=(ROWS, 72))
    if similarity == "dot":
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return UniversalHopfield(rows, "dot", beta=50.0)
    return UniversalHopfield(rows, "euclidean", beta=0.7)


@pytest.fixture(scope="module", params=["dot", "euclidean"])
def both(request):
    """A memory, and its census and landscape by few patterns and by all."""
    memory, found = memory_of(request.param), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hopfield.analysis.landscapes._strings.DENSE", 16)
        for few in (True, False):
            if not few:
                patch.setattr("hopfield.analysis.flow._few.SMALL", 10**9)
            points = find_fixed_points(memory)
            found.append((points, landscape(memory, points, climbs=0, pairs=PAIRS)))
    return memory, *found


def test_the_landscape_is_the_same_with_few_patterns_and_with_all(both):
    _, (points, by_few), (others, whole) = both
    assert points.summary() == others.summary()
    assert len(by_few.saddles) > 100
    assert len(by_few.minima) == len(whole.minima)
    assert len(by_few.saddles) == len(whole.saddles)
    np.testing.assert_allclose(by_few.minima, whole.minima, atol=1e-8)
    np.testing.assert_allclose(by_few.saddle_energy, whole.saddle_energy, atol=1e-9)
    np.testing.assert_allclose(by_few.barrier, whole.barrier, atol=1e-9)
    gaps = np.linalg.norm(by_few.saddles[:, None] - whole.saddles, axis=-1)
    same = gaps.argmin(axis=1)  # saddles of one energy may be in any order
    assert gaps[np.arange(len(same)), same].max() < 1e-7
    np.testing.assert_array_equal(np.sort(by_few.joins, axis=1), np.sort(whole.joins[same], axis=1))
    np.testing.assert_allclose(by_few.rate, whole.rate[same], atol=1e-7)
    turned = by_few.joins[:, 0] != whole.joins[same, 0]  # which side is the first is a matter of the mode's sign
    arc, way = (np.where(turned[:, None, None], a[same][:, ::-1], a[same]) for a in (whole.arc, whole.way))
    np.testing.assert_allclose(by_few.arc[:, :, -1], arc[:, :, -1], rtol=1e-2)
    drop = (whole.saddle_energy[same] - way[:, :, -1].min(axis=1))[:, None, None]
    np.testing.assert_allclose((by_few.way - way) / drop, 0.0, atol=2e-2)


def test_strings_of_few_patterns_bound_the_same_passes(both):
    _, (_, by_few), (_, whole) = both
    laid = np.isfinite(whole.bound)
    assert laid.sum() >= 20
    np.testing.assert_array_equal(laid, np.isfinite(by_few.bound))
    height = (whole.bound - np.maximum.outer(whole.energy, whole.energy))[laid]
    gap = np.abs(by_few.bound[laid] - whole.bound[laid])
    assert (gap / height).max() < 0.05, (gap / height).max()  # they were bent to other sides


def test_a_bound_is_no_lower_than_the_energies_on_its_string(monkeypatch):
    monkeypatch.setattr("hopfield.analysis.landscapes._strings.DENSE", 16)
    memory = memory_of("euclidean")
    points = find_fixed_points(memory, wanted="attractors")
    found = string_method(memory, points.state[:10], points.state[10:20])
    flow = field(memory)
    fine = np.concatenate([found.path[:, :-1] + k / 16 * np.diff(found.path, axis=1) for k in range(16)], axis=1)
    assert (flow.energy(fine).max(axis=1) <= found.bound + 1e-9).all()
    np.testing.assert_allclose(found.path[:, 0], points.state[:10])
    np.testing.assert_allclose(found.path[:, -1], points.state[10:20])
    lengths = np.linalg.norm(np.diff(found.path, axis=1), axis=-1)
    assert (lengths.max(axis=1) / lengths.min(axis=1) < 1.1).all()  # a line cuts the corners of another


def test_a_way_on_which_others_weigh_is_followed_by_all(monkeypatch):
    """Where the patterns that were left out count, the ways are those of the whole flow."""
    memory = memory_of("dot")
    points = find_fixed_points(memory)
    flow, minima = flow_of(memory), points.state[points.stable]
    saddles = passes(flow, points.state[points.index == 1][:20])
    given = flow, saddles.state, saddles.mode, minima, 1e-3, 33, Budget()
    chosen = [rows for rows, way in _ways.ways_down(*given) if (way.row >= 0).all()]
    assert len(np.concatenate(chosen)) == len(saddles.state)
    monkeypatch.setattr(_ways, "STRANGE", -1.0)
    ways = list(_ways.ways_down(*given))
    assert sorted(np.concatenate([rows for rows, _ in ways])) == list(range(len(saddles.state)))
    assert all((way.row < 0).all() and way.converged.all() for _, way in ways)


def test_a_budget_leaves_what_it_does_not_reach(both):
    memory, (points, _), _ = both
    budget = Budget()
    budget.ended = budget.began
    flow = flow_of(memory)
    found = passes(flow, points.state[points.index == 1], budget=budget)
    assert not len(found.state)
    assert budget.skipped


def test_minimax_passes_are_the_highest_edges_on_the_ways_through_a_forest():
    rng = np.random.default_rng(0)
    forest = networkx.Graph()
    forest.add_nodes_from(range(12))
    for there in range(1, 9):  # and three nodes alone
        forest.add_edge(there, int(rng.integers(there)), energy=float(rng.normal()))
    energy = -3 - rng.random(12)
    found = _minimax(forest, energy)
    np.testing.assert_array_equal(np.diag(found), energy)
    for i, j in itertools.permutations(range(12), 2):
        if networkx.has_path(forest, i, j):
            way = networkx.shortest_path(forest, i, j)
            assert found[i, j] == max(forest.edges[pair]["energy"] for pair in itertools.pairwise(way))
        else:
            assert found[i, j] == np.inf
