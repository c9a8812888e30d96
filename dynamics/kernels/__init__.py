"""Loops over all elements, compiled by numba where that is installed (the extra `fast`)."""

from ._city_blocks import city_blocks as city_blocks
from ._city_blocks import signed_sums as signed_sums
from ._exponentials import exponentials as exponentials
from ._exponentials import side_by_side as side_by_side
from ._flips import swept as swept
from ._median import proximal_median as proximal_median
from ._ready import compiled_loops as compiled_loops
