"""Memories inside deep networks: attention with any similarity, as a function and as modules, and what is learned."""

from .learning import (
    Fitted,
    MemoryClassifier,
    PatternCompleter,
    TrainingWarning,
    equilibrium,
    fit,
)

__all__: list[str] = [
    "Fitted",
    "MemoryClassifier",
    "PatternCompleter",
    "TrainingWarning",
    "equilibrium",
    "fit",
]
