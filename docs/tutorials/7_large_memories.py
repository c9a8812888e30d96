"""
Large memories
==============

What does a memory of two hundred thousand patterns cost, and what if there are more than the computer can hold at
once? This tutorial keeps the patterns in a file, adds and removes some, and shares them out over several devices. It
needs JAX for the last: ``pip install ".[jax]"``. Times are processor times of the machine that built these pages.
"""

# %%
# Patterns in a file
# ------------------
# In single precision (``float32``) patterns take half the space and about half the time, and recall needs no more
# digits than that. What is asked must have the same type or a narrower one. The patterns may stay in a file: NumPy's
# ``memmap`` looks like an array, and is read where it is needed.

import tempfile
import time
from pathlib import Path

import jax
import numpy as np
from jax.sharding import AxisType

from hopfield import ModernHopfield, UniversalHopfield, simulate
from hopfield.analysis import new_figure, open_axes
from hopfield.models import PatternIndex

N, I = 200_000, 64
rng = np.random.default_rng(0)
folder = tempfile.TemporaryDirectory()
file = Path(folder.name) / "patterns.npy"
written = np.lib.format.open_memmap(file, "w+", np.float32, (N, I))
for start in range(0, N, 10_000):  # never all of them at once
    some = rng.standard_normal((10_000, I), dtype=np.float32)
    written[start : start + 10_000] = some / np.linalg.norm(some, axis=1, keepdims=True)
written.flush()

patterns = np.load(file, mmap_mode="r")
print(type(patterns).__name__, patterns.shape, f"{patterns.nbytes / 1e6:.0f} MB on the disk")

# %%
# A memory of them is built as any other. The cues are noisy patterns; the noise has the length of half a pattern.

rows = rng.integers(N, size=32)
cues = patterns[rows] + np.float32(0.5 / np.sqrt(I)) * rng.standard_normal((32, I), dtype=np.float32)
memory = UniversalHopfield(patterns, "euclidean", beta=30.0, tau_memory=0)
found = memory.retrieve(cues)
print(f"{np.mean(found.pattern == rows):.0%} recalled")
assert np.mean(found.pattern == rows) > 0.9

# %%
# Nothing of the size 32 x 200 000 was made on the way: the weighted sums are put together from blocks of patterns, and
# only what a sum needs is carried from one block to the next. ``memory.best(cues, k)`` lists the k patterns of the
# largest weights, and how much weight all others have together: at a small beta, most of it.

best = memory.replace(beta=6.0).best(cues[0], 3)
assert best.patterns[0] == rows[0]
print("patterns", best.patterns, "weights", best.weights.round(4), "all others", f"{best.rest:.4f}")

# %%
# A few of many patterns, with a proof
# ------------------------------------
# Data are seldom as spread out as these random patterns: pictures and sounds lie near a surface of few dimensions.
# `PatternIndex` keeps a few numbers of each pattern, which bound its score from above. It looks exactly at the patterns
# whose bounds are large, and says how much weight the others can have at most. Where it cannot prove the limit, it
# refuses, and ``recall``, which looks at all of them, is the way.

surface = np.tanh(rng.standard_normal((20_000, 3)) @ rng.standard_normal((3, I))).astype(np.float32)
curved = UniversalHopfield(surface, "euclidean", beta=30.0, tau_memory=0)
asked = surface[:32] + np.float32(0.05) * rng.standard_normal((32, I), dtype=np.float32)
quick = PatternIndex(curved).recall(asked)
gap = np.linalg.norm(quick.state - curved.recall(asked), axis=1)
print(f"looked at {quick.read.mean():.0f} of {len(surface)} patterns")
print(f"off by {gap.max():.0e}, and by {quick.error.max():.0e} at most, as is proved")
assert (gap <= quick.error + 1e-5).all()
assert quick.read.mean() < 1000

# %%
# Ask many at once
# ----------------
# An update reads every pattern. Cues that are asked together share the reading, so a batch is cheaper than the same
# cues one after another.

for batch in (1, 8, 32):
    start = time.process_time()
    memory.recall(cues[:batch])
    print(f"{batch:3} cues: {(time.process_time() - start) / batch * 1e3:6.1f} ms a cue")

# %%
# Add some, remove some
# ---------------------
# Memories do not change; ``with_patterns`` and ``without`` give a new one, and keep what had been computed of the other
# patterns. Here half of the first thousand patterns are forgotten, and others are learned in their place.

few = UniversalHopfield(np.array(patterns[:1000]), "euclidean", beta=30.0, tau_memory=0)
fewer = few.without(np.arange(0, 1000, 2))  # their numbers, or a mask
new = np.array(patterns[2000:2500])
other = fewer.with_patterns(new)  # they come last
print(few.memories.shape, "->", fewer.memories.shape, "->", other.memories.shape)
print("a pattern that was forgotten now recalls pattern", int(other.retrieve(patterns[4]).pattern))
print("the first new one recalls pattern", int(other.retrieve(new[0]).pattern))
assert int(other.retrieve(new[0]).pattern) == 500

# %%
# How sharp must it be?
# ---------------------
# Among more patterns some are near the cue by chance, and together they weigh more. So beta must grow with the number
# of patterns, about as its logarithm.

figure = new_figure((6, 3.2))
ax = open_axes(figure.subplots())
betas = np.arange(6.0, 25.0, 2.0)
for number, line in ((200, "o-"), (2000, "s--"), (20_000, "^:")):
    known = rng.integers(number, size=16)
    asked = patterns[known] + np.float32(0.5 / np.sqrt(I)) * rng.standard_normal((16, I), dtype=np.float32)
    held = np.array(patterns[:number])
    shares = [np.mean(ModernHopfield(held, beta=beta).retrieve(asked, 20).pattern == known) for beta in betas]
    ax.plot(betas, shares, line, label=f"{number} patterns")
ax.set(xlabel="beta", ylabel="share recalled", ylim=(-0.03, 1.03))
ax.legend(frameon=False)

# %%
# On several devices
# ------------------
# With JAX, ``shard`` shares the patterns out by rows over the devices of a *mesh*, a named arrangement of devices. All
# verbs work as before; a recall exchanges three small sums, and no device ever holds the patterns of another. Here the
# mesh has the devices of this machine, however many they are; :doc:`/gallery/several_hosts` uses several hosts.

mesh = jax.make_mesh((jax.device_count(),), ("memory",), axis_types=(AxisType.Auto,))
shared = few.to("jax").shard(mesh)
gap = np.abs(np.asarray(shared.recall(jax.numpy.asarray(cues))) - few.recall(cues)).max()
print(f"{jax.device_count()} device: recall differs by {gap:.0e}")
assert gap < 1e-5

# %%
# With PyTorch each process holds a memory of its own part, and ``hopfield.models.recall_over(memory, query, group)``
# joins their answers. ``memory.to("torch", device="cuda")`` moves a whole memory to a graphics processor.
#
# Through time
# ------------
# With ``tau_memory=0`` a trajectory, too, puts its sums together from blocks. Where memory neurons have a time constant
# of their own there are as many of them as patterns; a trajectory does not keep them unless you ask, and ``Rosenbrock``
# eliminates them from its linear systems, whose size is that of the values: 64, and not 20 064.

run = simulate(memory, cues[0], t1=5.0)
print(f"tau_memory=0, {N} patterns: {run.statistics['steps']} steps; kept: {sorted(run.states)}")
slow = ModernHopfield(np.array(patterns[:20_000]), beta=60.0, tau_memory=1e-3)
noisy = patterns[5] + np.float32(0.5 / np.sqrt(I)) * rng.standard_normal(I, dtype=np.float32)
run = simulate(slow, noisy, t1=10.0, integrator="rosenbrock")
print(f"tau_memory=0.001, 20000 patterns: {run.statistics['steps']} steps; kept: {sorted(run.states)}")
assert np.argmax(slow.memories @ run.final["value"]) == 5

# %%
# What the similarity costs
# -------------------------
# Dot, cosine and Euclidean are matrix products, the fastest thing that a computer does, and are made in blocks.
# Manhattan has to look at every difference; where numba is installed (``pip install ".[fast]"``) a compiled loop does
# that, otherwise SciPy.

held = np.array(patterns[:5000])
for similarity in ("dot", "cosine", "euclidean", "manhattan"):
    one = UniversalHopfield(held, similarity, beta=60.0)
    spent = []
    for _ in range(6):
        start = time.process_time()
        one.recall(cues)
        spent.append(time.process_time() - start)
    print(f"{similarity:10} {min(spent) * 1e3:7.1f} ms for 32 cues and 5000 patterns")

# %%
# Where it ends
# -------------
# * All similarities are exact: without an index every cue meets every pattern. From some hundred million patterns on,
#   an approximate search (see :doc:`/limits`) finds candidates faster.
# * Certificates such as `certified_radii` compare a pattern with all others: of a large memory, ask for some rows.

folder.cleanup()
