"""Sparse distributed memory."""

from ._kanerva import SparseDistributedMemory as SparseDistributedMemory
