"""
Store and recall
================

Text.
"""

# %%
# Some *text* then code.
import numpy as np

from hopfield import ModernHopfield

memory = ModernHopfield(np.eye(3), beta=5.0)
memory
