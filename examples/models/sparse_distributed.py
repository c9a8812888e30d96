"""
Kanerva's sparse distributed memory
===================================

Kanerva's memory in small: reading, again and again, from cues at growing distance, and the critical distance.

200 patterns of 256 bits are written to 8000 locations. From cues nearer than the critical distance iterated reading
comes to the pattern, from farther ones it goes astray, and theory says where.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

import numpy as np
from matplotlib.figure import Figure

from hopfield.models import SparseDistributedMemory
from hopfield.models.circles import critical_distance, distance_after_read

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--out", default="sparse_distributed.png", help="the picture (default: %(default)s)")
options = parser.parse_args()
n, size, count, radius = 256, 8000, 200, 109

rng = np.random.default_rng(0)
patterns = rng.choice([-1.0, 1.0], size=(count, n)).astype("float32")
memory = SparseDistributedMemory.random(size, n, radius=radius, seed=1, dtype="float32").write(patterns)
print(memory)
critical = critical_distance(n, radius, size, count)
print(f"critical distance: {critical} of {n} bits")

figure = Figure(figsize=(9, 3.8), layout="constrained", dpi=150)
left, right = figure.subplots(1, 2)
cued = patterns[:80]
starts = np.arange(10, 91, 10)
once, converged = [], []
for start in starts:
    order = rng.permuted(np.tile(np.arange(n), (len(cued), 1)), axis=1)
    state = np.where(order < start, -cued, cued)
    path_of = [float(start)]
    for _ in range(8):
        state = memory.read(state)
        path_of.append(float((state != cued).sum(-1).mean()))
    once.append(path_of[1])
    converged.append(float(((state != cued).sum(-1) <= n // 20).mean()))
    left.plot(path_of, ".-", color="#0072B2" if start < critical else "#D55E00", lw=1, ms=4)
left.axhline(critical, color="0.5", lw=1, ls="--")
left.text(8, critical + 2, "critical distance", ha="right", fontsize=8, color="0.3")
left.set(xlabel="reads", ylabel="mean distance from the pattern (bits)", ylim=(0, 130))

fine = np.arange(1, 100)
right.plot(starts, once, "o", color="#0072B2", ms=4, label="after one read")
right.plot(fine, distance_after_read(n, radius, size, count, fine), color="#0072B2", lw=1, label="expected")
right.plot(fine, fine, color="0.7", lw=1, label="as far as before")
right.set(xlabel="distance of the cue (bits)", ylabel="distance after one read (bits)")
other = right.twinx()
other.plot(starts, converged, "s-", color="#009E73", lw=1, ms=4, label="part that converges")
other.set(ylabel="part of the cues that converge", ylim=(-0.03, 1.03))
right.axvline(critical, color="0.5", lw=1, ls="--")
handles = [*right.get_lines()[:3], other.get_lines()[0]]
right.legend(handles=handles, frameon=False, fontsize=8, loc="center left")
left.spines[["top", "right"]].set_visible(False)
right.spines["top"].set_visible(False)
other.spines["top"].set_visible(False)
for start, part in zip(starts, converged, strict=True):
    print(f"cues {start:2d} bits away: {part:4.0%} converge")
figure.savefig(options.out)
print(f"The picture is {options.out}.")
