"""From which cues which memory is reached."""

from ._basins import Basins as Basins
from ._basins import basins_of_attraction as basins_of_attraction
from ._certificates import Certificates as Certificates
from ._certificates import certified_radii as certified_radii
from ._certificates import no_theorem as no_theorem
from ._certificates import trapping_radii as trapping_radii
from ._radius import BasinRadius as BasinRadius
from ._radius import basin_radius as basin_radius
from ._regions import smooth_regions as smooth_regions
from ._samplers import Box as Box
from ._samplers import Cues as Cues
from ._samplers import Flipped as Flipped
from ._samplers import Masked as Masked
from ._samplers import Noisy as Noisy
from ._samplers import Sampler as Sampler
from ._samplers import Sphere as Sphere
from ._samplers import into as into
from ._slice import OUTSIDE as OUTSIDE
from ._slice import BasinSlice as BasinSlice
from ._slice import basin_slice as basin_slice
