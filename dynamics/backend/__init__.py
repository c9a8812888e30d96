"""What knows which array library is in use, and nothing of networks."""

from typing import TYPE_CHECKING

from ._derive import batched as batched
from ._derive import cityblock as cityblock
from ._derive import compiled as compiled
from ._derive import directional as directional
from ._derive import gradient as gradient
from ._derive import iterated as iterated
from ._derive import repeat as repeat
from ._derive import repeated as repeated
from ._in_place import added as added
from ._in_place import exp_of_gap as exp_of_gap
from ._in_place import is_free as is_free
from ._in_place import is_mapped as is_mapped
from ._in_place import product as product
from ._in_place import scaled as scaled
from ._libraries import Array as Array
from ._libraries import Number as Number
from ._libraries import arrays as arrays
from ._libraries import asarray as asarray
from ._libraries import backend_of as backend_of
from ._libraries import beside as beside
from ._libraries import cast as cast
from ._libraries import device as device
from ._libraries import dot as dot
from ._libraries import dtype_name as dtype_name
from ._libraries import epsilon as epsilon
from ._libraries import full as full
from ._libraries import is_array as is_array
from ._libraries import is_half as is_half
from ._libraries import is_traced as is_traced
from ._libraries import namespace as namespace
from ._libraries import optional_import as optional_import
from ._libraries import put as put
from ._libraries import quiet as quiet
from ._libraries import rms as rms
from ._libraries import widened as widened
from ._moving import FLOATS as FLOATS
from ._moving import float_name as float_name
from ._moving import host_type as host_type
from ._moving import move as move
from ._moving import narrowed as narrowed
from ._structures import Extensible as Extensible
from ._structures import copied as copied
from ._structures import derive as derive
from ._structures import derived as derived
from ._structures import is_compiling as is_compiling
from ._structures import is_structure as is_structure
from ._structures import leaves as leaves
from ._structures import map_leaves as map_leaves
from ._structures import settings as settings
from ._structures import static as static
from ._structures import structure as structure
from ._threads import in_parts as in_parts
from ._threads import processors as processors
from ._tracing import TracedError as TracedError
from ._tracing import all_finite as all_finite
from ._tracing import blocks as blocks
from ._tracing import detach as detach
from ._tracing import eagerly as eagerly
from ._tracing import has_numbers as has_numbers
from ._tracing import holds as holds
from ._tracing import on_host as on_host
from ._tracing import refuse_traces as refuse_traces
from ._tracing import returned as returned
from ._tracing import to_numpy as to_numpy
from ._tracing import uncast as uncast
from ._tracing import uncast_methods as uncast_methods
from ._words import shown as shown
from ._words import unknown_name as unknown_name

if TYPE_CHECKING:  # which it is to whoever uses it
    from functools import cached_property as kept
else:
    from ._tracing import kept as kept
