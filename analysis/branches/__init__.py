"""Fixed points as a number of the memory changes."""

from ._bifurcation import Bifurcation as Bifurcation
from ._branches import Branch as Branch
from ._branches import Branches as Branches
from ._continuation import continue_fixed_points as continue_fixed_points
from ._critical_beta import CriticalBeta as CriticalBeta
from ._critical_beta import critical_beta as critical_beta
