"""Predictive coding: memories that complete what is partly known."""

from ._covariance import CovarianceMemory as CovarianceMemory
from ._generative import PredictiveCodingMemory as PredictiveCodingMemory
from ._learning import Learned as Learned
from ._parts import packed as packed
from ._parts import unpacked as unpacked
from ._synapses import Prediction as Prediction
from ._synapses import Prior as Prior
from ._transfers import TRANSFERS as TRANSFERS
from ._transfers import Transfer as Transfer
