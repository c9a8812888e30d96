"""Attention with any similarity and any separation: one update of a memory whose patterns are the keys."""

from ._attention import MOST_STEPS as MOST_STEPS
from ._attention import attention as attention
from ._doors import causal_mask as causal_mask
from ._rule import Rule as Rule
from ._rule import betas as betas
from ._rule import rule_of as rule_of
from ._rule import usual_beta as usual_beta
from ._states import settled as settled
from ._weights import weights_of as weights_of
