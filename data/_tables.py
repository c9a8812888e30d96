"""Patterns in tables (CSV, TSV, text) and in MATLAB's files, one pattern in a row."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..dynamics.files import MOST, in_words, reading

TABLES = (".csv", ".tsv", ".txt", ".dat")
MATLAB = ".mat"
LABELS = ("label", "labels", "class", "target")


class Table(NamedTuple):
    """The numbers of a table, the names of their columns, and a column of labels if one is called so."""

    values: np.ndarray
    names: list[str] | None
    labels: np.ndarray | None


def read_table(path: Path, limit: int | None = None) -> Table:
    """A table of numbers with commas, semicolons, tabs or blanks between, with a line of names above or without.

    Lines that begin with # and empty lines are left out. A column called label, labels, class or target is no value
    of a pattern: it becomes the labels, numbers or texts.
    """
    with reading(path, "a table of numbers"):
        text = path.read_text(encoding="utf-8-sig")
    if "\0" in text:
        raise ValueError(f"{str(path)!r} is no text, so no table of numbers can be read from it.")
    lines = [(i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith("#")]
    if not lines:
        raise ValueError(f"{str(path)!r} holds no line of numbers.")
    between = _between(lines[0][1], path.suffix.lower())
    first = _cells(lines[0][1], between)
    if between == ";" and any(not _is_number(cell) and _is_number(cell.replace(",", ".")) for cell in first):
        raise ValueError(f"{str(path)!r}, line {lines[0][0]}: decimals have a comma there; write them with a point.")
    names = None if all(_is_number(cell) for cell in first) else first
    if names is not None and any(_is_number(cell) for cell in names) and names[0].lower() not in LABELS:
        bad = next(i for i, cell in enumerate(names) if not _is_number(cell))
        raise ValueError(
            f"{str(path)!r}, line {lines[0][0]}, column {bad + 1}: {names[bad]!r} is no number, and the line is no "
            "line of names, since others in it are numbers."
        )
    rows = list(islice(lines[names is not None :], limit))
    if not rows:
        raise ValueError(f"{str(path)!r} holds a line of names and no line of numbers.")
    at = [i for i, name in enumerate(names or ()) if name.lower() in LABELS]
    if len(at) > 1:
        raise ValueError(f"{str(path)!r} has {len(at)} columns of labels: {', '.join((names or [])[i] for i in at)}.")
    keep = [i for i in range(len(first)) if i not in at]
    if not keep:
        raise ValueError(f"{str(path)!r} has a column of labels and no column of values.")
    values = _numbers(path, rows, between, keep, len(first))
    labels = _labels(_cells(line, between)[at[0]] for _, line in rows) if at else None
    return Table(values, None if names is None else [names[i] for i in keep], labels)


def _between(line: str, suffix: str) -> str | None:
    """What stands between the cells; None for blanks."""
    if suffix == ".tsv" or "\t" in line:
        return "\t"
    if ";" in line:
        return ";"
    return "," if suffix == ".csv" or "," in line else None


def _cells(line: str, between: str | None) -> list[str]:
    cells = line.split() if between is None else next(csv.reader([line], delimiter=between))
    return [cell.strip() for cell in cells]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _numbers(
    path: Path, rows: Sequence[tuple[int, str]], between: str | None, keep: list[int], width: int
) -> np.ndarray:
    whole = len(keep) == width
    try:
        if not whole:  # columns beyond those that are asked for would not be counted
            _check(path, rows, between, keep, width)
        columns = None if whole else keep
        found = [line for _, line in rows]
        return np.loadtxt(found, delimiter=between, usecols=columns, ndmin=2, quotechar='"', comments=None)
    except ValueError:
        _check(path, rows, between, keep, width)
        raise


def _check(path: Path, rows: Sequence[tuple[int, str]], between: str | None, keep: list[int], width: int) -> None:
    """Refuse the first cell that is no number, or the first line of another length."""
    for number, line in rows:
        cells = _cells(line, between)
        where = f"{str(path)!r}, line {number}"
        if len(cells) != width:
            raise ValueError(f"{where} has {len(cells)} columns, and the lines before it have {width}.") from None
        for i in keep:
            if not cells[i]:
                raise ValueError(f"{where}, column {i + 1} is empty. Write nan for what is not known.") from None
            if not _is_number(cells[i]):
                raise ValueError(
                    f"{where}, column {i + 1}: {cells[i]!r} is no number. A column of names is left out if its heading "
                    f"is {', '.join(LABELS[:-1])} or {LABELS[-1]}."
                ) from None


def _labels(cells: Any) -> np.ndarray:
    texts = list(cells)
    if all(_is_number(text) for text in texts):
        numbers = np.array(texts, float)
        return numbers.astype(int) if np.all(numbers == np.round(numbers)) else numbers
    return np.array(texts)


def matlab_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of the arrays of numbers in a file of MATLAB's, up to version 7.2."""
    from scipy.io import matlab, whosmat

    numbers = ("double", "single", "logical", "sparse", *(f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)))
    try:
        found = whosmat(path)
    except NotImplementedError:
        raise ValueError(
            f"{str(path)!r} is of MATLAB's version 7.3, which is an HDF5 file: in MATLAB, save('file.mat', 'x', '-v7')."
        ) from None
    except (OSError, ValueError, TypeError, matlab.MatReadError) as error:
        with reading(path, "a file of MATLAB's"):
            raise error
    return {name: shape for name, shape, kind in found if kind in numbers}


def read_matlab(path: Path, name: str, limit: int | None = None) -> np.ndarray:
    """One array of a file of MATLAB's; sparse ones are filled, rows are patterns as everywhere."""
    from scipy.io import loadmat

    shape = matlab_shapes(path)[name]
    if 8 * math.prod(shape) > MOST:
        size = in_words(8 * math.prod(shape))
        raise ValueError(
            f"{name!r} of {str(path)!r} has shape {shape}, which takes {size}, more than {in_words(MOST)}."
        )
    with reading(path, "a file of MATLAB's"):
        array = loadmat(path, variable_names=[name])[name]
    array = array.toarray() if hasattr(array, "toarray") else array
    return np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="), copy=False)[:limit])
