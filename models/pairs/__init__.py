"""Memories of pairs."""

from ._bidirectional import BidirectionalMemory as BidirectionalMemory
