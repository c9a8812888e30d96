"""Networks, and the flow that a network has: points, velocities, energies, linearisations."""

from ._belonging import strangers as strangers
from ._consistency import check_parts as check_parts
from ._flow import Energy as Energy
from ._flow import Flow as Flow
from ._flow import Point as Point
from ._flow import States as States
from ._flow import Wire as Wire
from ._jacobian import jacobian as jacobian
from ._linear import factored as factored
from ._linear import gmres as gmres
from ._linear import weighted_gram as weighted_gram
from ._linearised import Linearised as Linearised
from ._linearised import has_products as has_products
from ._network import Network as Network
from ._network import entered as entered
from ._network import has_network as has_network
from ._network import states_only as states_only
from ._population import Population as Population
from ._scale import Scales as Scales
from ._scale import pace as pace
from ._scale import relative as relative
from ._scale import scales as scales
from ._scale import tolerance as tolerance
