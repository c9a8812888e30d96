"""Which network: memories by name."""

from .divergences import KullbackLeibler, ReverseKullbackLeibler
from .memory import AssociativeMemory
from .modern import ModernHopfield
from .retrieval import Retrieval
from .separation import separation
from .similarity import Cosine, Custom, Dot, Euclidean, Manhattan, similarity
from .universal import UniversalHopfield

__all__ = [
    "AssociativeMemory",
    "Cosine",
    "Custom",
    "Dot",
    "Euclidean",
    "KullbackLeibler",
    "Manhattan",
    "ModernHopfield",
    "Retrieval",
    "ReverseKullbackLeibler",
    "UniversalHopfield",
    "separation",
    "similarity",
]
