"""What a memory learns: similarities, patterns, beta and projections, and faces for scikit-learn."""

from ._classifier import MemoryClassifier as MemoryClassifier
from ._completer import PatternCompleter as PatternCompleter
from ._equilibrium import equilibrium as equilibrium
from ._fit import fit as fit
from ._fitted import Fitted as Fitted
from ._fitted import TrainingWarning as TrainingWarning
