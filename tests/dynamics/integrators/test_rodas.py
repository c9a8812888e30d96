"""The coefficients of the Rosenbrock methods: order conditions over rooted trees, stability, what they are worth."""

import itertools

import numpy as np
import pytest

from hopfield import ModernHopfield, Rosenbrock, Scipy, simulate
from hopfield.dynamics.integrators._rosenbrock import TABLEAUS


def matrices(tableau):
    """alpha, beta = alpha + Gamma and the weights b of the method in its textbook form.

    With increments u = Gamma k the coefficients are a = alpha Gamma^-1, C = 1/gamma - Gamma^-1 and m = b Gamma^-1.
    """
    size = len(tableau.stages)
    a, c = np.zeros((size, size)), np.zeros((size, size))
    for i, (added, pulled) in enumerate(tableau.stages):
        a[i, : len(added)], c[i, : len(pulled)] = added, pulled
    for i in range(1, size):  # a stage without sums of its own is evaluated where the last one was
        if not tableau.stages[i][0]:
            a[i] = a[i - 1]
    gamma = np.linalg.inv(np.eye(size) / tableau.gamma - c)
    alpha = a @ gamma
    return alpha, alpha + gamma, np.array(tableau.result) @ gamma


def trees(order):
    """The rooted trees of an order, each as the sorted tuple of its branches."""
    if order == 1:
        return {()}
    found = set()
    for parts in partitions(order - 1):
        for branches in itertools.product(*(sorted(trees(part)) for part in parts)):
            found.add(tuple(sorted(branches)))
    return found


def partitions(total, most=None):
    most = total if most is None else most
    if total == 0:
        yield ()
    for first in range(min(total, most), 0, -1):
        for rest in partitions(total - first, first):
            yield (first, *rest)


def size(tree):
    return 1 + sum(map(size, tree))


def density(tree):
    return size(tree) * int(np.prod([density(branch) for branch in tree], dtype=int))


def elementary(tree, alpha, beta):
    """A node with one branch sees the Jacobian too, which is why it takes beta."""
    if not tree:
        return np.ones(len(alpha))
    if len(tree) == 1:
        return beta @ elementary(tree[0], alpha, beta)
    return np.prod([alpha @ elementary(branch, alpha, beta) for branch in tree], axis=0)


def defect(tableau, order, weights):
    alpha, beta, _ = matrices(tableau)
    return max(
        abs(weights @ elementary(tree, alpha, beta) - 1 / density(tree))
        for k in range(1, order + 1)
        for tree in trees(k)
    )


def test_there_are_as_many_trees_as_is_known():
    assert [len(trees(order)) for order in range(1, 6)] == [1, 1, 2, 4, 9]


@pytest.mark.parametrize("order", TABLEAUS)
def test_the_order_conditions_hold(order):
    tableau = TABLEAUS[order]
    _, _, b = matrices(tableau)
    assert tableau.order == order
    assert defect(tableau, order, b) < 1e-12
    assert defect(tableau, order + 1, b) > 1e-4


@pytest.mark.parametrize("order", TABLEAUS)
def test_the_last_increment_is_the_difference_from_a_method_of_one_order_less(order):
    tableau = TABLEAUS[order]
    size = len(tableau.stages)
    gamma = matrices(tableau)[1] - matrices(tableau)[0]
    embedded = (np.array(tableau.result) - np.eye(size)[-1]) @ gamma
    assert defect(tableau, order - 1, embedded) < 1e-12
    assert defect(tableau, order, embedded) > 1e-4


@pytest.mark.parametrize("order", TABLEAUS)
def test_the_methods_are_l_stable(order):
    _, beta, b = matrices(TABLEAUS[order])
    ones, eye = np.ones(len(b)), np.eye(len(b))

    def stability(z):
        return 1 + z * b @ np.linalg.solve(eye - z * beta, ones)

    axis = 1j * np.concatenate([np.linspace(0, 10, 400), np.logspace(1, 4, 100)])
    assert max(abs(stability(z)) for z in axis) < 1 + 1e-9
    assert abs(stability(-1e8)) < 1e-6


def test_the_fifth_order_takes_a_third_of_the_steps_at_fine_tolerances(rng):
    m = rng.normal(size=(200, 50))
    memory, cue = ModernHopfield(m, beta=0.4, tau_memory=1e-3), m[0] + 0.5 * rng.normal(size=50)
    exact = simulate(memory, cue, t1=3.0, integrator=Scipy("Radau", rtol=1e-12, atol=1e-13), save_at=[3.0])
    runs = {
        order: simulate(memory, cue, t1=3.0, integrator=Rosenbrock(1e-6, 1e-8, order=order), save_at=[3.0])
        for order in (3, 5)
    }
    errors = {order: abs(run.final["value"] - exact.final["value"]).max() for order, run in runs.items()}
    assert max(errors.values()) < 3e-6
    assert errors[5] < errors[3] / 10
    assert runs[5].statistics["steps"] * 3 < runs[3].statistics["steps"]


def test_the_tolerance_chooses_the_order_and_a_number_of_its_own_is_taken():
    assert [Rosenbrock(rtol).tableau.order for rtol in (1e-2, 2e-3, 1e-3, 1e-4, 1e-8)] == [3, 3, 5, 5, 5]
    assert Rosenbrock(1e-8, order=3).tableau.order == 3
    with pytest.raises(ValueError, match=r"order must be 3 \(Rodas3\), 5 \(Rodas5P\) or None, got 4"):
        Rosenbrock(order=4)
