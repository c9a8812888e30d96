"""Data that come and go by the names that every model has."""

from __future__ import annotations

from typing import Any, Self

from .._insertion import gone, kept_rows, taken


class Forgetting:
    """`with_patterns` and `without` of a memory that writes, and takes back what it wrote."""

    written: Any
    _square: Any
    write: Any
    _replaced: Any

    def with_patterns(self, patterns: Any, projection: Any = None) -> Self:
        """The memory after patterns were written at themselves, or data (their `projection`) at them: `write`."""
        return self.write(patterns, projection)

    def without(self, rows: Any) -> Self:
        """The memory without some of the data that it recorded and that were written at themselves: rows, or a mask.

        Data that were written elsewhere are taken back by ``write(addresses, data, times=-1)``.
        """
        if self.written is None or not self._square:
            raise TypeError(
                "This memory did not record data that are their own addresses, so it does not know what was written "
                "where: take it back with write(addresses, data, times=-1)."
            )
        kept = kept_rows(rows, self.written.shape[0], all_may_go=True)
        lost = gone(kept, self.written.shape[0])
        if not lost.size:
            return self
        changed = self.write(taken(self.written, lost), times=-1.0)
        return changed._replaced(written=taken(self.written, kept) if kept.size else None)
