"""A run from its door to its trajectory."""

from ._batch import filled as filled
from ._batch import flat as flat
from ._batch import shaped as shaped
from ._keeping import keep as keep
from ._loop import Plan as Plan
from ._loop import Run as Run
from ._noise import check_noise as check_noise
from ._progress import ticker as ticker
from ._rollout import rollout as rollout
from ._rounding import ROUNDING as ROUNDING
from ._rounding import rises as rises
from ._simulate import Memory as Memory
from ._simulate import simulate as simulate
from ._stopping import Moment as Moment
from ._stopping import Stop as Stop
from ._stopping import energy_rate_below as energy_rate_below
from ._stopping import largest_move as largest_move
from ._stopping import near as near
from ._stopping import settled as settled
from ._stopping import steady as steady
from ._trajectory import Record as Record
from ._trajectory import Result as Result
from ._trajectory import SimulationError as SimulationError
from ._trajectory import SimulationWarning as SimulationWarning
from ._trajectory import Trajectory as Trajectory
