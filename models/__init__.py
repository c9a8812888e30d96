"""Which network: memories by name."""

from ._catalogue import CatalogueEntry, build, catalogue
from ._model import Model, as_model
from ._separations import separation, separations
from .binary import BinaryRetrieval, ClassicalHopfield, DenseAssociativeMemory, ExponentialMemory, GlauberRun
from .family import (
    AssociativeMemory,
    ContinuousSDM,
    ModernHopfield,
    Retrieval,
    SequenceRecall,
    UniversalHopfield,
    chain,
    recall_sequence,
)
from .iterated import Autoencoder, Iterated, Trained, rank_one_eigenvalue
from .layered import HierarchicalMemory, Kernel, Layer, activations
from .measures import (
    Cosine,
    Custom,
    Dot,
    Euclidean,
    Hamming,
    Jeffreys,
    JensenShannon,
    KullbackLeibler,
    Manhattan,
    Normalised,
    Published,
    ReverseKullbackLeibler,
    normalised,
    published,
    similarities,
    similarity,
)
from .pairs import BidirectionalMemory
from .predictive import CovarianceMemory, Learned, Prediction, PredictiveCodingMemory, Prior
from .sparse import SparseDistributedMemory

__all__ = [
    "AssociativeMemory",
    "Autoencoder",
    "BidirectionalMemory",
    "BinaryRetrieval",
    "CatalogueEntry",
    "ClassicalHopfield",
    "ContinuousSDM",
    "Cosine",
    "CovarianceMemory",
    "Custom",
    "DenseAssociativeMemory",
    "Dot",
    "Euclidean",
    "ExponentialMemory",
    "GlauberRun",
    "Hamming",
    "HierarchicalMemory",
    "Iterated",
    "Jeffreys",
    "JensenShannon",
    "Kernel",
    "KullbackLeibler",
    "Layer",
    "Learned",
    "Manhattan",
    "Model",
    "ModernHopfield",
    "Normalised",
    "Prediction",
    "PredictiveCodingMemory",
    "Prior",
    "Published",
    "Retrieval",
    "ReverseKullbackLeibler",
    "SequenceRecall",
    "SparseDistributedMemory",
    "Trained",
    "UniversalHopfield",
    "activations",
    "as_model",
    "build",
    "catalogue",
    "chain",
    "normalised",
    "published",
    "rank_one_eigenvalue",
    "recall_sequence",
    "separation",
    "separations",
    "similarities",
    "similarity",
]
