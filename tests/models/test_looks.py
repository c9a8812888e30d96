"""How often a query is looked at for NaN on its way: once at the door, and not by everything behind it."""

import numpy as np
import pytest

from hopfield import UniversalHopfield, simulate

SIGNS = np.random.default_rng(0).choice([-1.0, 1.0], size=(4, 12))


class Watched(np.ndarray):
    """An array that counts how often its numbers are looked at for NaN."""

    looks = 0

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if ufunc is np.isfinite and inputs[0] is self:
            self.looks += 1
        plain = [x.view(np.ndarray) if isinstance(x, Watched) else x for x in inputs]
        return getattr(ufunc, method)(*plain, **options)


@pytest.mark.parametrize(
    ("use", "most"),
    [
        (lambda memory, query: memory.recall(query), 1),
        (lambda memory, query: memory.weights(query), 1),
        (lambda memory, query: memory.scores(query), 1),
        (lambda memory, query: memory.start(query), 1),
        (lambda memory, query: simulate(memory, query, t1=1.0), 2),  # as a query, and as the state that it is
        (lambda memory, query: memory.retrieve(query), 2),
    ],
)
def test_a_query_is_looked_at_once(use, most):
    memory = UniversalHopfield(SIGNS, "euclidean", beta=2.0)
    query = (0.9 * SIGNS[:1]).view(Watched)
    use(memory, query)
    assert 1 <= query.looks <= most
