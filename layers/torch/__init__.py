"""Modules of PyTorch: attention with any similarity in the place of `torch.nn.MultiheadAttention`."""

from ...dynamics.backend import optional_import

optional_import("torch")

from ._attention import HopfieldAttention as HopfieldAttention  # noqa: E402
from ._replaced import replace_attention as replace_attention  # noqa: E402
from ._stored import HopfieldLayer as HopfieldLayer  # noqa: E402
from ._stored import HopfieldPooling as HopfieldPooling  # noqa: E402

__all__ = ["HopfieldAttention", "HopfieldLayer", "HopfieldPooling", "replace_attention"]
