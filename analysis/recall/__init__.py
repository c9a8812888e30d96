"""What was recalled, and how well it can be."""

from ._beta_advice import BetaAdvice as BetaAdvice
from ._beta_advice import beta_advice as beta_advice
from ._diffusion import Diffusion as Diffusion
from ._diffusion import diffuse as diffuse
from ._metastability import Metastability as Metastability
from ._metastability import effective_memories as effective_memories
from ._metastability import metastability as metastability
from ._summary import RecallSummary as RecallSummary
from ._summary import summarise as summarise
from ._tables import query_table as query_table
from ._tables import recall_table as recall_table
