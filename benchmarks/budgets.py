"""What searches among many patterns cost: a default census, radii, and the barriers between neighbours.

    OMP_NUM_THREADS=1 python benchmarks/budgets.py [--part digits --part images] [--count 1000] [--data FOLDER]

digits: 100 digits of scikit-learn, centred and of length 1, beta = 60; `find_fixed_points` and `landscape` as they are
called by default. images: so many images of MNIST with the euclidean similarity, beta = 1; certified radii, the
attractors and the saddles between neighbours, and what these join. MNIST lies in the folder that --data or the variable
HOPFIELD_DATA names. Seconds of the processor and of the wall; each search may be given a budget of wall time.
"""

import argparse
import os
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from hopfield.analysis import certified_radii, find_fixed_points, landscape
from hopfield.data import load
from hopfield.models import ModernHopfield, UniversalHopfield


def timed(table, what, call, said):
    """Call, and say what came of it and what it took; seconds of the processor are returned too."""
    wall, processor = time.perf_counter(), time.process_time()
    found = call()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    table.add_row(what, f"{processor:.2f}", f"{wall:.2f}", said(found))
    return found, processor


def census(found):
    """What a census holds."""
    return f"{found.summary()}; {found.stopped or found.complete}"


def hills(found):
    """What a landscape holds."""
    lowest = found.depth[np.isfinite(found.depth)]
    barriers = f", lowest barriers {lowest.min():.3g} to {lowest.max():.3g}" if lowest.size else ""
    known = f"{len(lowest)} of {len(found.minima)} minima have a barrier"
    return f"{len(found.saddles)} saddles; {known}{barriers}; {found.stopped or 'to its end'}"


def digits(table, seconds):
    """100 digits."""
    rows = load("digits").rows[:100]
    rows = rows - rows.mean(axis=1, keepdims=True)
    memory = ModernHopfield(rows / np.linalg.norm(rows, axis=1, keepdims=True), beta=60.0)
    found, _ = timed(table, "100 digits: census", lambda: find_fixed_points(memory, seconds=seconds), census)
    timed(table, "  landscape", lambda: landscape(memory, found, seconds=seconds), hills)


def images(table, count, seconds):
    """Images of MNIST."""
    memory = UniversalHopfield(load("mnist").rows[:count].astype(float), "euclidean", beta=1.0)
    _, first = timed(table, f"{count} images: radii", lambda: certified_radii(memory), str)
    found, second = timed(table, "  census", lambda: find_fixed_points(memory, seconds=seconds), census)
    _, third = timed(table, "  barriers", lambda: landscape(memory, found, seconds=seconds, climbs=0), hills)
    table.add_row("  all three", f"{first + second + third:.2f}", "", "")


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=("digits", "images"))
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--data")
    given = parser.parse_args()
    if given.data:
        os.environ["HOPFIELD_DATA"] = given.data
    table = Table("what", "processor / s", "wall / s", "found")
    if "digits" in (given.part or ["digits"]):
        digits(table, given.seconds)
    if "images" in (given.part or ["images"]):
        if "HOPFIELD_DATA" in os.environ:
            images(table, given.count, given.seconds)
        else:
            print("The images are left out: say where MNIST lies, --data FOLDER.")
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
