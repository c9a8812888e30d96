"""What changes in time: input currents, numbers of the memory, and the flow that a network has then."""

from ._drive import CURRENTS as CURRENTS
from ._drive import NUMBERS as NUMBERS
from ._drive import Drive as Drive
from ._drive import Forgotten as Forgotten
from ._drive import Stretch as Stretch
from ._drive import driven as driven
from ._drive import of_sample as of_sample
from ._input import Constant as Constant
from ._input import Input as Input
from ._input import Pulse as Pulse
from ._input import Sampled as Sampled
from ._input import Steps as Steps
from ._input import Varying as Varying
from ._input import as_input as as_input
from ._input import asked as asked
from ._schedule import Schedule as Schedule
from ._schedule import numbers_of as numbers_of
from ._traced import Changing as Changing
from ._traced import changing as changing
from ._traced import stretched as stretched
