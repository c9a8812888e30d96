"""Synapses: interaction energies of activations, and the similarities that some are made of."""

from ._bilinear import Bilinear as Bilinear
from ._bilinear import Recurrent as Recurrent
from ._convolution import Convolution as Convolution
from ._exact import Answer as Answer
from ._exact import Response as Response
from ._exact import decayed as decayed
from ._exact import exact_step as exact_step
from ._merged import MergedSynapse as MergedSynapse
from ._merged import groups as groups
from ._merged import merged_sums as merged_sums
from ._merged import merges as merges
from ._merged import step_of as step_of
from ._merged import table_of as table_of
from ._similarity import Similarity as Similarity
from ._synapse import Synapse as Synapse
from ._synapses import EquilibriumSynapse as EquilibriumSynapse
from ._synapses import SimilaritySynapse as SimilaritySynapse
