"""Methods that move a network through time."""

from ._base import Integrator as Integrator
from ._base import Solution as Solution
from ._base import Solver as Solver
from ._base import Step as Step
from ._base import error_norm as error_norm
from ._choice import INTEGRATORS as INTEGRATORS
from ._choice import choose as choose
from ._choice import following as following
from ._diffrax import Diffrax as Diffrax
from ._euler import Euler as Euler
from ._heun import Heun as Heun
from ._relaxation import Relaxation as Relaxation
from ._relaxation import exact as exact
from ._relaxation import guaranteed as guaranteed
from ._rosenbrock import Rosenbrock as Rosenbrock
from ._runge_kutta import RungeKutta as RungeKutta
from ._scipy import Scipy as Scipy
from ._torchdiffeq import TorchDiffEq as TorchDiffEq
