"""
Store and recall
================

An *associative memory* is asked with a damaged pattern and answers with a stored one. In this tutorial fifty
handwritten digits are stored, damaged and recalled; you see the three ways in which a memory answers, what goes wrong
when the settings do not fit the data, and how to find settings that do.
"""

# %%
# Patterns are rows
# -----------------
# A memory stores the rows of an array. Here each row is a picture of 8 x 8 pixels, with values from 0 (black) to 1.

import numpy as np

from hopfield import UniversalHopfield, beta_advice, check_lyapunov, simulate
from hopfield.analysis import new_figure, open_axes, plot_energy, plot_recall
from hopfield.data import gaussian_noise, load

digits = load("digits", limit=50).rows.astype(float)
digits.shape

# %%
# A memory is a similarity and a separation
# -----------------------------------------
# The *similarity* scores how alike the cue and each stored pattern are. The *separation* turns the scores into weights.
# The Manhattan distance adds up the differences of all pixels; the softmax with ``beta`` = 2 gives the largest weight
# to the nearest pattern, and little to the others.

memory = UniversalHopfield(digits, similarity="manhattan", separation="softmax", beta=2.0)
memory

# %%
# The printed line is worth reading: it says which rule is in force, and it would say so if the rule had no energy.
#
# Three ways to answer
# --------------------
# A *cue* is a damaged pattern. Here noise of variance 0.1 is added to every pixel.

cues = gaussian_noise(digits, variance=0.1, clip=(0, 1), seed=1)

# %%
# ``recall`` applies the rule once: it returns the weighted mean of the patterns.

once = memory.recall(cues)

# %%
# ``retrieve`` repeats the exact update until nothing moves, and says which pattern it reached, or -1 for none.

found = memory.retrieve(cues)
right = found.pattern == np.arange(50)
print(f"{right.sum()} of 50 digits retrieved, {np.median(found.steps):g} updates (median)")
assert right.mean() > 0.9

# %%
# ``simulate`` follows the neurons through continuous time, as a physical network would move. It stops when everything
# is at rest, and keeps the energy at each moment.

run = simulate(memory, cues, t1=50, stop="steady", save="all")
run

# %%
# The picture shows stored digits, their cues, and what came back.

figure = plot_recall(memory, cues, run.activations["value"][-1], (8, 8), targets=np.arange(50))

# %%
# The energy falls
# ----------------
# All fifty cues fall down the same energy function. Each stored digit is at the bottom of a valley of its own: when it
# is itself the cue, it stays.

figure = new_figure((6, 3.2))
plot_energy(run, figure.subplots(), title="50 cues on their way down")

print(check_lyapunov(memory, run))
assert check_lyapunov(memory, run).holds
assert np.allclose(memory.retrieve(digits).state, digits, rtol=0, atol=1e-9)

# %%
# When nothing is recalled
# ------------------------
# Lower ``beta`` until the weights no longer prefer one pattern. The state then comes to rest at a blend of many.

blurred = memory.replace(beta=0.05).retrieve(cues)
print(f"{(blurred.pattern == np.arange(50)).sum()} of 50 at beta = 0.05")
figure = plot_recall(memory, cues, blurred.state, (8, 8), targets=np.arange(50), samples=6)

# %%
# How large must ``beta`` be for *these* patterns? That depends on how far apart they are. For the softmax with the dot
# product or the Euclidean distance, `beta_advice` computes it: from which ``beta`` on the patterns are recalled when
# they are themselves the cue, and from which on that is proved.

print(beta_advice(UniversalHopfield(digits, "euclidean")))

# %%
# Known and unknown pixels
# ------------------------
# Often one knows *which* part of a cue is damaged. A mask says so: ``known`` is true where the cue can be trusted.
# The unknown pixels are then left out of the scores, and filled in by the answer. Here all pixels below the upper three
# rows are rubbish.

known = np.arange(64) < 24  # rows from the top
rubbish = np.random.default_rng(0).random(digits.shape)
cut = np.where(known, digits, rubbish)
for name, answer in {
    "unmasked": memory.retrieve(cut),
    "masked": memory.retrieve(cut, known=known),
}.items():
    print(f"{name:9} {(answer.pattern == np.arange(50)).sum()} of 50")
masked = memory.retrieve(cut, known=known)
figure = plot_recall(memory, cut, masked.state, (8, 8), targets=np.arange(50))

# %%
# How recall fades with noise
# ---------------------------
# More noise, fewer digits. A fraction of 50 digits has a standard error of up to 0.07.

variances = np.array([0.02, 0.05, 0.1, 0.2, 0.4, 0.8])
figure = new_figure((6, 3.2))
ax = open_axes(figure.subplots())
for similarity, beta, line in (("dot", 10.0, "o-"), ("euclidean", 10.0, "s--"), ("manhattan", 2.0, "^:")):
    other = UniversalHopfield(digits, similarity, beta=beta)
    shares = [
        np.mean(other.retrieve(gaussian_noise(digits, variance=v, seed=2)).pattern == np.arange(50)) for v in variances
    ]
    ax.semilogx(variances, shares, line, label=similarity)
ax.set_xticks(variances, [f"{v:g}" for v in variances])
ax.minorticks_off()
ax.set(xlabel="variance of the noise in each pixel", ylabel="share recalled", ylim=(-0.03, 1.03))
ax.legend(frameon=False)

# %%
# The dot product loses half of the digits even with hardly any noise: it favours bright pictures, which have a large
# product with everything. :doc:`/choose` has the decision tables.
