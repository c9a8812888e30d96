"""Memories inside deep networks: attention with any similarity, as a function and as modules, and what is learned."""

from .attention import attention
from .learning import (
    Fitted,
    MemoryClassifier,
    PatternCompleter,
    TrainingWarning,
    equilibrium,
    fit,
)

__all__ = [
    "Fitted",
    "MemoryClassifier",
    "PatternCompleter",
    "TrainingWarning",
    "attention",
    "equilibrium",
    "fit",
]
