"""
Basins and barriers
===================

Which cues reach which memory, and how hard is it to leave one? This tutorial looks for all places of rest of a small
memory, draws the basins, proves a radius within which recall is certain, and measures the barriers between memories.
"""

# %%
# Places of rest
# --------------
# A *fixed point* is a state at which nothing moves. The search below begins at the patterns, at means of several of
# them and at random places, follows the flow, and accepts a point only when Newton's method contracts onto it.

import numpy as np

from hopfield import (
    ModernHopfield,
    basin_radius,
    basin_slice,
    basins_of_attraction,
    continue_fixed_points,
    find_fixed_points,
    landscape,
)
from hopfield.analysis import new_figure, plot_barriers, plot_basin_slice, plot_bifurcation, plot_fixed_points

rng = np.random.default_rng(3)
patterns = np.linalg.qr(rng.standard_normal((200, 3)))[0].T * np.array([[1.0], [1.15], [0.9]])
memory = ModernHopfield(patterns, beta=8.0)
points = find_fixed_points(memory, seed=0)
points

# %%
# The *index* is the number of directions in which a small push grows. Index 0 is stable: these are what the memory can
# answer. Index 1 is a *saddle*, a pass between two valleys.

for kind, index, energy in zip(points.kind, points.index, points.energy, strict=True):
    print(f"{kind:12} index {index}  energy {energy:.4f}")

# %%
# Is the list complete? There is a theorem for that: if the flow points inward far away and no point is degenerate, then
# the sum of (-1)^index over *all* fixed points is 1. When the sum over the list is not 1, points are missing, and that
# is proved. When it is 1 the list is merely not refuted.

print("Morse sum", points.morse_sum, "->", points.complete)
assert points.morse_sum == 1

figure = new_figure((6, 3.4))
plot_fixed_points(points, figure.subplots())

# %%
# Basins
# ------
# The *basin* of a memory is the set of cues that reach it. A picture can show the basins in a plane: here the one
# through the three patterns, in a space of 200 dimensions.

figure = new_figure((7, 4.6))
cut = basin_slice(memory, *patterns, resolution=80, fixed_points=points)
plot_basin_slice(cut, figure.subplots())
print(cut)

# %%
# In 200 dimensions a plane is a thin slice. To know what happens to *typical* cues, draw them and count. The noise here
# is three times as long as a pattern; the intervals are Wilson's, at 95 %.

cues = np.repeat(patterns, 100, axis=0) + 0.22 * rng.standard_normal((300, 200))
basins = basins_of_attraction(memory, cues, fixed_points=points, targets=np.repeat(np.arange(3), 100))
print(basins)

# %%
# A radius with a proof
# ---------------------
# How far can a pattern be pushed, in *any* direction, and still be recalled? The first number is proved for every cue
# in the ball. The second is the distance of a cue that was found to go elsewhere. The truth lies between them.

for i in range(3):
    radius = basin_radius(memory, i, seed=0, fixed_points=points)
    certain = radius.certified or 0.0  # None where no theorem applies
    print(f"pattern {i}: certain within {certain:.4f}, lost at {radius.adversarial:.4f}")
    assert 0 < certain <= radius.adversarial

# %%
# Barriers
# --------
# To go from one valley to another the energy must rise at least to the lowest pass. Strings are laid between pairs of
# memories and relaxed until they cross at the pass, which Newton's method then finds exactly.

found = landscape(memory, points)
print(found)
figure = new_figure((4.6, 3.6))
plot_barriers(found, figure.subplots())

# %%
# How memories are born
# ---------------------
# At a small ``beta`` there is a single fixed point, a mean of everything. Memories appear as ``beta`` grows.
# `continue_fixed_points` follows every branch, stable (solid) and unstable (dashed), through the places where branches
# are born.

branches = continue_fixed_points(ModernHopfield(patterns), "beta", 1.0, 8.0)
print(branches)
figure = new_figure((6.4, 3.6))
plot_bifurcation(branches, figure.subplots(), measure=patterns[0], label="overlap with pattern 0")
