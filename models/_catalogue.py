"""Every model by name: its rule in one formula, what it is for, where it comes from, and how to build it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..dynamics import backend
from ..dynamics.backend import unknown_name
from ..dynamics.doors import matrix, whole
from ._model import Model
from .binary import ClassicalHopfield, DenseAssociativeMemory, ExponentialMemory
from .family import ContinuousSDM, ModernHopfield, UniversalHopfield
from .layered import HierarchicalMemory
from .pairs import BidirectionalMemory
from .sparse import SparseDistributedMemory


@dataclass(frozen=True)
class CatalogueEntry:
    """One model of the catalogue.

    Attributes
    ----------
    name : str
        What `build` and the command line know it by.
    model : type
        The class.
    rule : str
        One application of it, in a formula.
    states : str
        ``"continuous"``, ``"binary"`` or ``"both"``: what neurons retrieval moves. Binary models store and take
        +-1 only.
    energy : str
        The energy that falls, or why there is none.
    network : bool
        Whether it has continuous dynamics with that energy, for `simulate`.
    capacity : str
        How many random patterns it holds, with the source's own estimate.
    source : str
        Author, year, and DOI or arXiv number.
    make : callable
        Builds one from patterns and settings.
    takes : tuple of callable
        Whose arguments those settings are, where `make` hands them on.

    Examples
    --------
    >>> [entry.name for entry in catalogue() if not entry.network]
    ['sdm']
    """

    name: str
    model: type[Model]
    rule: str
    states: str
    energy: str
    network: bool
    capacity: str
    source: str
    make: Callable[..., Any]
    takes: tuple[Callable[..., Any], ...] = ()

    @property
    def binary(self) -> bool:
        """Whether patterns and cues must be of +-1."""
        return self.states != "continuous"


def catalogue() -> tuple[CatalogueEntry, ...]:
    """All models, from the most general one on.

    Examples
    --------
    >>> for entry in catalogue()[:2]:
    ...     print(entry.name, "|", entry.rule, "|", entry.source)
    universal | z = P^T sep(beta sim(M, q)) | Millidge et al. 2022, arXiv:2202.04557
    modern | z = M^T softmax(beta M q) | Ramsauer et al. 2021, arXiv:2008.02217
    """
    return _ENTRIES


def build(name: str, patterns: Any, **settings: Any) -> Any:
    """A model by its name in the catalogue, from patterns alone.

    Parameters
    ----------
    name : str
        ``"universal"``, ``"modern"``, ``"classical"``, ``"dense"``, ``"exponential"``, ``"continuous_sdm"``,
        ``"sdm"``, ``"bidirectional"`` or ``"hierarchical"``.
    patterns : array (N, I)
        What is stored, one pattern in a row; of +-1 for the binary models (see `catalogue`).
    **settings
        Arguments of the class, in place of its defaults. Where a class takes more than patterns: "sdm" takes those
        of `SparseDistributedMemory.random` (by default max(1000, 50 N) locations, of which an address activates
        about (2 N H)^(-1/3), which is best for reading at a written address), "bidirectional" pairs each pattern
        with itself unless `partners` (N, m) are given, and "hierarchical" takes those of
        `HierarchicalMemory.from_patterns`.

    Returns
    -------
    model
        On the patterns' library, device and dtype.

    Raises
    ------
    ValueError
        For a name that is not known (with the nearest one), or patterns that the model does not take.

    Examples
    --------
    >>> build("modern", np.eye(3), beta=8.0).recall(np.array([0.9, 0.2, 0.1])).round(2)
    array([0.99, 0.  , 0.  ])
    >>> build("modem", np.eye(3))
    Traceback (most recent call last):
    ValueError: Unknown model 'modem'. Did you mean 'modern'? Known: universal, modern, ...
    """
    entries = {entry.name: entry for entry in _ENTRIES}
    if not isinstance(name, str) or name not in entries:
        raise unknown_name("model", name, entries)
    return entries[name].make(matrix("patterns", patterns), **settings)


def _sparse_distributed(
    patterns: Any,
    n_locations: int | None = None,
    fraction: float | None = None,
    coding: str | None = None,
    dtype: str | None = None,
    **settings: Any,
) -> SparseDistributedMemory:
    """A memory of random locations to which the patterns are written at their own addresses.

    Parameters
    ----------
    n_locations : int
        How many locations H there are, max(1000, 50 N) if not said.
    fraction : float
        The part of them that an address activates, about (2 N H)^(-1/3) if not said.
    coding : str
        Whether addresses and data are of +-1 ("bipolar") or of 0 and 1 ("binary"); as the patterns, if not said.
    dtype : str
        Of locations and counters: float32 or float64; as the patterns, if not said.
    """
    count, width = patterns.shape
    size = whole("n_locations", max(1000, 50 * count) if n_locations is None else n_locations, 1)
    if coding is None:
        zeros = not backend.is_traced(patterns) and backend.holds(lambda x: (x == 0) | (x == 1), patterns)
        coding = "binary" if zeros else "bipolar"
    part = float(np.clip((2 * count * size) ** (-1 / 3), 1 / size, 0.5)) if fraction is None else fraction
    made = {"fraction": part, "coding": coding, "dtype": dtype or "float32", **settings}
    library, kind = backend.backend_of(patterns), dtype or backend.dtype_name(patterns)
    device = None if library == "numpy" else backend.device(patterns)
    return SparseDistributedMemory.random(size, width, **made).to(library, device, kind).write(patterns)


def _bidirectional(patterns: Any, partners: Any = None, **settings: Any) -> BidirectionalMemory:
    """Pairs of patterns.

    Parameters
    ----------
    partners : array (N, m)
        What each pattern is paired with; itself, if not said.
    """
    return BidirectionalMemory(patterns, patterns if partners is None else partners, **settings)


_ENTRIES = (
    CatalogueEntry(
        "universal",
        UniversalHopfield,
        "z = P^T sep(beta sim(M, q))",
        "continuous",
        "l (v.g - L_v) - b.g + h.f - L_h(h) - f . sim(M, g)",
        True,
        "depends on similarity and separation",
        "Millidge et al. 2022, arXiv:2202.04557",
        UniversalHopfield,
    ),
    CatalogueEntry(
        "modern",
        ModernHopfield,
        "z = M^T softmax(beta M q)",
        "continuous",
        "v.v/2 - log(sum e^(beta M v))/beta - b.v",
        True,
        "exponential in I, on a sphere",
        "Ramsauer et al. 2021, arXiv:2008.02217",
        ModernHopfield,
    ),
    CatalogueEntry(
        "classical",
        ClassicalHopfield,
        "s_i <- sign(sum_j W_ij s_j + b_i)",
        "both",
        "-s.W s/2 - b.s",
        True,
        "0.138 I (hebbian), I (pseudo_inverse), 2 I (perceptron)",
        "Hopfield 1982, doi:10.1073/pnas.79.8.2554; 1984, doi:10.1073/pnas.81.10.3088",
        ClassicalHopfield,
    ),
    CatalogueEntry(
        "dense",
        DenseAssociativeMemory,
        "s_i <- the sign that lowers -sum_mu F(M_mu . s), F = x^n",
        "both",
        "-sum_mu F(M_mu . s)",
        True,
        "of order I^(n-1)",
        "Krotov & Hopfield 2016, arXiv:1606.01164",
        DenseAssociativeMemory,
    ),
    CatalogueEntry(
        "exponential",
        ExponentialMemory,
        "s_i <- the sign that lowers -sum_mu e^(M_mu . s)",
        "both",
        "-log sum_mu e^(beta M_mu . s)/beta",
        True,
        "2^(I/2)",
        "Demircigil et al. 2017, arXiv:1702.01929",
        ExponentialMemory,
    ),
    CatalogueEntry(
        "continuous_sdm",
        ContinuousSDM,
        "z = P^T softmax(beta cos(A, q))",
        "continuous",
        "-log(sum e^(beta cos(A, v)))/beta",
        True,
        "exponential in I, as modern",
        "Bricken & Pehlevan 2021, arXiv:2111.05498",
        ContinuousSDM,
    ),
    CatalogueEntry(
        "sdm",
        SparseDistributedMemory,
        "z = sign(C^T 1[hamming(L, q) <= r])",
        "binary",
        "none: reading is no descent",
        False,
        "in proportion to the number of locations",
        "Kanerva 1988, Sparse Distributed Memory, MIT Press",
        _sparse_distributed,
        (SparseDistributedMemory.random,),
    ),
    CatalogueEntry(
        "bidirectional",
        BidirectionalMemory,
        "y = sign(W^T x), x = sign(W y), W = X^T Y",
        "both",
        "-x.W y",
        True,
        "at most min(n, m) pairs",
        "Kosko 1988, doi:10.1109/21.87054",
        _bidirectional,
        (BidirectionalMemory,),
    ),
    CatalogueEntry(
        "hierarchical",
        HierarchicalMemory,
        "x_A = (W_(A-1)^T g_(A-1) + W_A g_(A+1) + b_A)/l_A",
        "continuous",
        "sum_A [l (x.g - L) - b.g] - sum_A g_A . W_A g_(A+1)",
        True,
        "set by the weights",
        "Krotov 2021, arXiv:2107.06446",
        HierarchicalMemory.from_patterns,
    ),
)
