"""
Large memories
==============

What does a memory of fifty thousand patterns cost, and what should one not do with it? This tutorial measures time and
space on the machine that built these pages, with one thread.
"""

# %%
# Space
# -----
# The patterns are kept once. In single precision (``float32``) they take half the space and half the time, and recall
# needs no more digits than that. What is asked must have the same type: nothing is converted in silence.

import time

import numpy as np

from hopfield import ModernHopfield, UniversalHopfield, simulate
from hopfield.analysis import new_figure, open_axes

rng = np.random.default_rng(0)
N, I = 50_000, 64
patterns = rng.standard_normal((N, I)).astype(np.float32)
patterns /= np.linalg.norm(patterns, axis=1, keepdims=True)
print(f"{patterns.nbytes / 1e6:.0f} MB of patterns")

rows = rng.integers(N, size=32)
cues = patterns[rows] + np.float32(0.5 / np.sqrt(I)) * rng.standard_normal((32, I), dtype=np.float32)
memory = ModernHopfield(patterns, beta=60.0, tau_memory=1e-3)

# %%
# Ask many at once
# ----------------
# Every update is two products with the matrix of patterns. Cues that are asked together share the reading of that
# matrix from memory, so a batch is much cheaper than the same cues one after another.

for batch in (1, 8, 32):
    start = time.perf_counter()
    found = memory.retrieve(cues[:batch], max_steps=20)
    seconds = time.perf_counter() - start
    right = np.mean(found.pattern == rows[:batch])
    print(f"{batch:3} cues: {seconds / batch * 1e3:7.1f} ms a cue, {right:.0%} recalled")

# %%
# How sharp must it be?
# ---------------------
# Among more patterns some are near the cue by chance, and together they weigh more. So beta must grow with the number
# of patterns, about as its logarithm.

figure = new_figure((6, 3.2))
ax = open_axes(figure.subplots())
betas = np.arange(6.0, 25.0, 2.0)
for number in (500, 5000, 50_000):
    known = rng.integers(number, size=16)
    asked = patterns[known] + np.float32(0.5 / np.sqrt(I)) * rng.standard_normal((16, I), dtype=np.float32)
    shares = [
        np.mean(ModernHopfield(patterns[:number], beta=beta).retrieve(asked, max_steps=20).pattern == known)
        for beta in betas
    ]
    ax.plot(betas, shares, "o-", label=f"{number} patterns")
ax.set(xlabel="beta", ylabel="share recalled", ylim=(-0.03, 1.03))
ax.legend(frameon=False)

# %%
# Through time, without keeping everything
# ----------------------------------------
# A trajectory keeps the value neurons by default, and not the memory neurons: 50 000 of them, at every time and for
# every cue, would be gigabytes. ``Rosenbrock`` eliminates them from its linear systems, so that a stiff trajectory is
# possible at this size: the systems have the size of the values, 64, and not 50 064.

run = simulate(memory, cues[0], t1=10.0, integrator="rosenbrock")
print(run)
print(f"{run.statistics['steps']} steps in {run.statistics['seconds']:.2f} s; kept: {sorted(run.states)}")
assert np.argmax(patterns @ run.final["value"]) == rows[0]

# %%
# What the similarity costs
# -------------------------
# Dot, cosine and Euclidean are matrix products, the fastest thing that a computer does. Manhattan has to look at every
# difference; where numba is installed (``pip install numba``) a compiled loop does that, otherwise SciPy.

few = patterns[:5000]
for similarity in ("dot", "cosine", "euclidean", "manhattan"):
    one = UniversalHopfield(few, similarity, beta=60.0)
    spent = []
    for _ in range(6):
        start = time.process_time()
        one.recall(cues)
        spent.append(time.process_time() - start)
    print(f"{similarity:10} {min(spent) * 1e3:7.1f} ms for 32 cues and 5000 patterns")

# %%
# Where it ends
# -------------
# * All similarities are exact: every cue meets every pattern. From some millions of patterns on, an approximate search
#   (see :doc:`/limits`) finds candidates faster.
# * Certificates such as `certified_radii` compare a pattern with all others: of a large memory, ask for some rows.
# * ``memory.to("torch", device="cuda")`` or ``memory.to("jax")`` moves the whole memory to a graphics processor.
