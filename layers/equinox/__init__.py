"""Modules of Equinox: attention with any similarity in the place of `equinox.nn.MultiheadAttention`."""

from ...dynamics.backend import optional_import

optional_import("equinox", "jax")

from ._attention import HopfieldAttention as HopfieldAttention  # noqa: E402
from ._stored import HopfieldLayer as HopfieldLayer  # noqa: E402
from ._stored import HopfieldPooling as HopfieldPooling  # noqa: E402

__all__ = ["HopfieldAttention", "HopfieldLayer", "HopfieldPooling"]
