"""What a memory of the universal family checks when it is built, and says of what does not hold."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from ...dynamics import backend
from ...dynamics.backend import Array
from ...dynamics.doors import matrix, warn
from ...dynamics.lagrangians import Lagrangian
from ...dynamics.synapses import Similarity
from .._checks import current, number
from .._model import Model
from .._separations import doubts


class Checked(Model):
    """The checks of `AssociativeMemory`, which has the fields."""

    memories: Array
    projection: Any
    beta: Any
    tau_value: Any
    tau_memory: Any
    bias: Any
    rule: Any
    sim: Any
    places: Any
    is_adiabatic: Any

    def _in_domain(self, name: str, value: Array) -> Array:
        if not backend.is_traced(value):
            self.rule.similarity.check(name, value)
        return value

    def notes(self) -> list[str]:
        """What does not hold for this combination of parts."""
        similarity, separation, value, leak = self.rule
        notes = doubts(similarity, separation)
        if similarity.recall_only:  # no energy to speak of
            return notes
        if separation.convex is False and not self.is_adiabatic:
            notes.append("the separation's Lagrangian is not convex, so the energy may rise unless tau_memory=0")
        if similarity.distance and not separation.nonnegative:
            notes.append("weights of both signs with a distance, for recall only")
        elif not (separation.bounded or value.bounded or self._has_floor(similarity, separation, leak)):
            notes.append("the energy has no lower bound; bounded value activations or a bounded separation give it one")
        return notes

    def _has_floor(self, similarity: Similarity, separation: Lagrangian, leak: float) -> bool:
        # For linear neurons: scores that are bounded, or a quadratic form that is positive.
        if similarity.bounded or similarity.distance:
            return True
        if similarity.metric != "product" or separation.growth > 2:
            return False
        if separation.growth < 2:  # less than v.v
            return leak > 0
        gain = separation.activation(backend.full((1,), 1.0, self.memories))[0]
        if backend.is_traced(self.memories) or backend.is_traced(gain):
            return True
        spectrum = np.linalg.norm(backend.to_numpy(self.memories).astype(float), 2) ** 2
        return bool(float(backend.to_numpy(gain)) * spectrum <= leak)

    def _validate(self) -> None:
        """Convert and check, once, what every memory is built from; warn of what does not hold."""

        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        put("memories", matrix("patterns", self.memories))
        put("beta", number("beta", self.beta, self.memories))
        put("tau_value", number("tau_value", self.tau_value, self.memories))
        put("tau_memory", number("tau_memory", self.tau_memory, self.memories, zero=True))
        if self.projection is not None:
            put("projection", matrix("projection", self.projection, self.memories))
            if self.projection.shape[0] != self.memories.shape[0]:
                raise ValueError(
                    f"projection has {self.projection.shape[0]} rows but {self.memories.shape[0]} patterns are stored: "
                    "row i of the projection (N, O) is what pattern i recalls."
                )
        put("bias", current(self.bias, self.memories.shape[1], self.memories))

    def _check_rule(self) -> None:
        """Check the patterns against the rule, and warn of what does not hold."""
        self._in_domain("patterns", self.memories)
        _, _, value, _ = self.rule
        if self.rule.similarity.positive and not value.nonnegative and not backend.is_traced(self.memories):
            x = backend.asarray(np.linspace(-3.0, 3.0, self.memories.shape[1]), self.memories)
            least = float(backend.to_numpy(value.activation(x)).min(initial=0.0))
            if least < 0:
                raise ValueError(
                    f"The {self.rule.similarity.name} similarity takes logarithms of activations, and those of "
                    f"{value!r} go down to {least:g}. Use a value Lagrangian whose activation is positive: "
                    "Exponential() (the default here), Softplus() or LogSumExp()."
                )
        for note in self.notes():
            warn(f"{type(self).__name__}: {note}.")

    def _with_rows(self, changes: dict[str, Array], more: Array | None, kept: np.ndarray | None) -> Self:
        if more is not None:
            self._in_domain("patterns", more)
        if backend.is_traced(self.memories):
            return super()._with_rows(changes, more, kept)
        changed = self._replaced(**changes)
        for name in ("sim", "places"):  # what of them was made, without making it anew
            if (one := vars(self).get(name)) is None:
                continue
            if name == "places" and one is vars(self).get("sim"):
                made = vars(changed)["sim"]
            else:
                made = one.joined(more) if kept is None else one.without(_numbers(kept, self.memories))
                made = backend.copied(made, patterns=changed.memories)
            object.__setattr__(changed, name, made)
        for note in set(changed.notes()) - set(self.notes()):
            warn(f"{type(self).__name__}: {note}.")
        return changed


def _numbers(rows: np.ndarray, like: Array) -> Array:
    return backend.namespace(like).asarray(rows, device=backend.device(like))
