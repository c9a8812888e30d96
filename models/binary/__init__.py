"""Memories of neurons that are +1 or -1."""

from ._binary import BinaryRetrieval as BinaryRetrieval
from ._binary import GlauberRun as GlauberRun
from ._classical import ClassicalHopfield as ClassicalHopfield
from ._dense import DenseAssociativeMemory as DenseAssociativeMemory
from ._dense import ExponentialMemory as ExponentialMemory
