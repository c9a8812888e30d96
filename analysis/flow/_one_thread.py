"""One thread of BLAS for small matrices: its threads wait for one another longer than such a matrix takes.

On a machine with other work, `eigh` of a batch of 64 x 64 matrices takes some forty times as long on all threads.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from collections.abc import Iterator
from typing import Any

LARGEST = 256  # rows of a matrix up to which one thread is as fast


class _Held:
    """How many calls want one thread at this moment, and what gives the others back."""

    def __init__(self) -> None:
        self.lock, self.count = threading.Lock(), 0
        self.limits: Any = None


_HELD = _Held()


@contextlib.contextmanager
def one_thread(size: int) -> Iterator[None]:
    """Keep BLAS to one thread while matrices have up to `size` rows, where that pays and threadpoolctl is installed.

    Calls nest, and several threads may be inside: the last one out gives the threads back.

    >>> import numpy as np
    >>> with one_thread(3):
    ...     np.linalg.eigvalsh(np.eye(3))
    array([1., 1., 1.])
    """
    controller = _controller("sklearn.cluster" in sys.modules) if size <= LARGEST else None
    if controller is None:
        yield
        return
    with _HELD.lock:
        _HELD.count += 1
        if _HELD.count == 1:
            _HELD.limits = controller.limit(limits=1)
    try:
        yield
    finally:
        with _HELD.lock:
            _HELD.count -= 1
            if _HELD.count == 0:
                _HELD.limits.restore_original_limits()


@functools.cache
def _controller(clusters: bool) -> Any:
    """What knows the libraries of this process: NumPy's BLAS, SciPy's, and with `clusters` scikit-learn's OpenMP."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    import scipy.linalg  # noqa: F401

    return ThreadpoolController()
