"""Which network: memories by name."""

from ._model import Model, as_model
from .bidirectional import BidirectionalMemory
from .binary import BinaryRetrieval, GlauberRun
from .catalogue import CatalogueEntry, build, catalogue
from .classical import ClassicalHopfield
from .continuous_sdm import ContinuousSDM
from .dense import DenseAssociativeMemory, ExponentialMemory
from .divergences import Jeffreys, JensenShannon, KullbackLeibler, ReverseKullbackLeibler
from .hamming import Hamming
from .hierarchical import HierarchicalMemory
from .layers import Kernel, Layer, activations
from .memory import AssociativeMemory
from .modern import ModernHopfield
from .normalised import Normalised
from .published import Published, published
from .retrieval import Retrieval
from .separation import separation, separations
from .sequence import SequenceRecall, chain, recall_sequence
from .similarity import Cosine, Custom, Dot, Euclidean, Manhattan, normalised, similarities, similarity
from .sparse_distributed import SparseDistributedMemory
from .universal import UniversalHopfield

__all__ = [
    "AssociativeMemory",
    "BidirectionalMemory",
    "BinaryRetrieval",
    "CatalogueEntry",
    "ClassicalHopfield",
    "ContinuousSDM",
    "Cosine",
    "Custom",
    "DenseAssociativeMemory",
    "Dot",
    "Euclidean",
    "ExponentialMemory",
    "GlauberRun",
    "Hamming",
    "HierarchicalMemory",
    "Jeffreys",
    "JensenShannon",
    "Kernel",
    "KullbackLeibler",
    "Layer",
    "Manhattan",
    "Model",
    "ModernHopfield",
    "Normalised",
    "Published",
    "Retrieval",
    "ReverseKullbackLeibler",
    "SequenceRecall",
    "SparseDistributedMemory",
    "UniversalHopfield",
    "activations",
    "as_model",
    "build",
    "catalogue",
    "chain",
    "normalised",
    "published",
    "recall_sequence",
    "separation",
    "separations",
    "similarities",
    "similarity",
]
