"""Memories of many layers."""

from ._hierarchical import HierarchicalMemory as HierarchicalMemory
from ._layers import Kernel as Kernel
from ._layers import Layer as Layer
from ._layers import activations as activations
