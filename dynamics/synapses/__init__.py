"""Synapses: interaction energies of activations, and the similarities that some are made of."""

from ._bilinear import Bilinear as Bilinear
from ._bilinear import Recurrent as Recurrent
from ._convolution import Convolution as Convolution
from ._exact import Answer as Answer
from ._exact import Response as Response
from ._exact import exact_step as exact_step
from ._similarity import Similarity as Similarity
from ._synapse import Synapse as Synapse
from ._synapses import EquilibriumSynapse as EquilibriumSynapse
from ._synapses import SimilaritySynapse as SimilaritySynapse
