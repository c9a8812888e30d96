r"""What diffrax's implicit solvers need to scale: linear systems of the size of the value neurons alone.

Every stage solves A x = r with A = I - c J. Memory neurons do not see one another, so that their block D of A is
diagonal whatever the solver, the step, tau, the leak or the clamp, and they are eliminated exactly:

    A = [[K, B], [C, D]],    S = K - B D^-1 C,    x_v = S^-1 (r_v - B D^-1 r_h),    x_h = D^-1 (r_h - C x_v).

This module imports its libraries when it is imported, so import it late.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from diffrax import VeryChord

from ..backend import Array
from ..lagrangians import Lagrangian
from ..network import Network
from ._rosenbrock import eliminated


def diagonal_populations(network: Network) -> list[str]:
    """The populations whose own block of the Jacobian is diagonal, and which share no synapse.

    Those that `eliminated` finds, less two sorts: in the gradient flow L'' stands before the force, so that only
    elementwise Lagrangians keep the block diagonal; and where a leak is 0, `tangent` may depend on the state.
    """
    chosen = []
    for name in eliminated(network):
        p = network.populations[name]
        projected = p.leak == 0 and type(p.lagrangian).tangent is not Lagrangian.tangent
        if not projected and (network.flow == "local" or p.lagrangian.elementwise):
            chosen.append(name)
    return chosen


class Elimination(lx.AbstractLinearSolver):
    """Solves A x = r for dicts of populations, those of `out` first, when their block of A is diagonal.

    Parameters
    ----------
    out : tuple of str
        The populations to eliminate; their block is read off one product with ones.
    inner : lineax solver
        For the system that is left: ``lx.LU()`` builds it from as many products as it has columns,
        ``lx.GMRES(...)`` only multiplies.
    """

    out: tuple[str, ...] = eqx.field(static=True)
    inner: lx.AbstractLinearSolver = lx.LU()

    def init(self, operator: lx.AbstractLinearOperator, options: dict[str, Any]) -> Any:
        """The diagonal block, and what `inner` makes of the Schur complement."""
        del options
        operator = lx.linearise(operator)
        shapes: Mapping[str, Any] = operator.in_structure()
        kept = {name: shape for name, shape in shapes.items() if name not in self.out}
        ones = {name: jnp.ones(shapes[name].shape, shapes[name].dtype) for name in self.out}
        diagonal = _part(_product(operator, ones), self.out)

        def schur(x: dict[str, Array]) -> dict[str, Array]:
            image = _product(operator, x)
            hidden = {name: image[name] / diagonal[name] for name in self.out}
            answer = _product(operator, hidden)
            return {name: image[name] - answer[name] for name in kept}

        return operator, diagonal, self.inner.init(lx.FunctionLinearOperator(schur, kept), {})

    def compute(self, state: Any, vector: Any, options: dict[str, Any]) -> tuple[Any, lx.RESULTS, dict[str, Any]]:
        """Two products with A around a solve with S."""
        del options
        operator, diagonal, inner_state = state
        known = {name: vector[name] / diagonal[name] for name in self.out}
        answer = _product(operator, known)
        reduced = {name: x - answer[name] for name, x in vector.items() if name not in self.out}
        found, result, _ = self.inner.compute(inner_state, reduced, {})
        image = _product(operator, found)
        back = {name: known[name] - image[name] / diagonal[name] for name in self.out}
        return {**found, **back}, result, {}

    def transpose(self, state: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The same for the transposed matrix, whose blocks are as diagonal."""
        return self.init(state[0].T, {}), options

    def conj(self, state: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The state itself: real numbers."""
        return state, options

    def assume_full_rank(self) -> bool:
        """Yes: a step whose matrix is singular fails, and is tried again shorter."""
        return True


class Chord(VeryChord):
    """diffrax's `VeryChord` for linear solvers whose state holds more than arrays (operators).

    `VeryChord.step` takes the gradient off the whole state, which must then consist of arrays. Here the rest waits
    in the linear solver meanwhile.
    """

    def step(self, fn: Any, y: Any, args: Any, options: Any, state: Any, tags: Any) -> Any:
        """One iteration."""
        jacobian, held = state.linear_state
        arrays, rest = eqx.partition(held, eqx.is_array)
        finder = eqx.tree_at(lambda f: f.linear_solver, self, _Rejoined(self.linear_solver, rest))
        bare = eqx.tree_at(lambda s: s.linear_state, state, (jacobian, arrays))
        y, after, aux = VeryChord.step(finder, fn, y, args, options, bare, tags)
        return y, eqx.tree_at(lambda s: s.linear_state, after, state.linear_state), aux


class _Rejoined(lx.AbstractLinearSolver):
    """A linear solver that is handed the arrays of its state, and holds the rest."""

    solver: lx.AbstractLinearSolver
    rest: Any

    def init(self, operator: Any, options: dict[str, Any]) -> Any:
        return eqx.filter(self.solver.init(operator, options), eqx.is_array)

    def compute(self, state: Any, vector: Any, options: dict[str, Any]) -> Any:
        return self.solver.compute(eqx.combine(state, self.rest), vector, options)

    def transpose(self, state: Any, options: dict[str, Any]) -> Any:
        return self.solver.transpose(eqx.combine(state, self.rest), options)

    def conj(self, state: Any, options: dict[str, Any]) -> Any:
        return self.solver.conj(eqx.combine(state, self.rest), options)

    def assume_full_rank(self) -> bool:
        return self.solver.assume_full_rank()


def _product(operator: Any, x: Mapping[str, Array]) -> dict[str, Array]:
    """A x, where the populations that x leaves out are zero.

    The derivative of A x along x is A x again, without the products that belong to what stays fixed.
    """
    zeros = {name: jnp.zeros(shape.shape, shape.dtype) for name, shape in operator.in_structure().items()}
    base = {name: zeros[name] for name in x}
    return jax.jvp(lambda y: operator.mv({**zeros, **y}), (base,), (dict(x),))[1]


def _part(x: Mapping[str, Array], names: tuple[str, ...]) -> dict[str, Array]:
    return {name: x[name] for name in names}
