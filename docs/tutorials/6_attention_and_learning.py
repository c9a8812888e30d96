"""
Attention and learning
======================

The update of a modern Hopfield network *is* the attention of transformers. This tutorial shows the two side by side,
puts memories with other similarities into a transformer, and then lets memories learn: their patterns, their
similarity, and how to fill gaps in tables. It needs PyTorch: ``pip install ".[torch]"``.
"""

# %%
# One update is attention
# -----------------------
# Attention takes queries q, keys K and values V, and returns :math:`\operatorname{softmax}(q K^T/\sqrt d)\, V`, where d
# is the length of a key. In the language of memories the keys are the stored patterns, the values are what each of them
# recalls (its *projection*), and 1/sqrt(d) is beta. `hopfield.layers.attention` takes the same arguments as PyTorch's
# function, and gives the same numbers; so does a memory.

import numpy as np
import torch
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.model_selection import GridSearchCV

from hopfield import ModernHopfield, UniversalHopfield, rollout
from hopfield.analysis import new_figure, open_axes
from hopfield.data import gaussian_noise, load, mask
from hopfield.layers import PatternCompleter, attention, equilibrium, fit
from hopfield.layers.torch import replace_attention
from hopfield.models import LearnedSimilarity

torch.manual_seed(0)
queries, keys, values = torch.randn(5, 16), torch.randn(50, 16), torch.randn(50, 8)
theirs = torch.nn.functional.scaled_dot_product_attention(queries[None], keys[None], values[None])[0]
ours = attention(queries, keys, values)
memory = ModernHopfield(keys, beta=16**-0.5, projection=values)
print("attention and PyTorch's:", f"{(theirs - ours).abs().max():.0e} apart at most")
print("a memory and PyTorch's: ", f"{(theirs - memory.recall(queries)).abs().max():.0e} apart at most")
assert torch.allclose(theirs, ours, atol=1e-6)
assert torch.allclose(theirs, memory.recall(queries), atol=1e-6)

# %%
# Any similarity, and an energy
# -----------------------------
# The dot product is one similarity among many: ``similarity=`` and ``separation=`` are those of the memories. Where
# keys and values are the same, one step of attention lowers the energy of the memory, for the dot product
#
# .. math:: E(q) = \tfrac12 |q|^2 - \tfrac1\beta \log \sum_i e^{\beta K_i \cdot q} ,
#
# and more steps lower it further, until the query has become a stored pattern, or a blend of several. With ``steps=``
# the query makes several such steps, and ``return_energy=True`` gives the energy before each.

figure = new_figure((6, 3.2))
ax = open_axes(figure.subplots())
for similarity, marker in {"dot": "o-", "euclidean": "s--", "manhattan": "^:"}.items():
    answer, energy = attention(queries, keys, keys, similarity=similarity, steps=6, return_energy=True)
    assert (energy.diff(dim=0) <= 1e-5).all()
    ax.plot((energy.mean(1) - energy[0].mean()).numpy(), marker, label=similarity)
ax.set(xlabel="steps of attention", ylabel="energy less that of the query,\nmean of 5 queries")
ax.legend(frameon=False)

# %%
# Inside a transformer
# --------------------
# ``replace_attention`` copies a model and puts a module of ours in the place of each ``nn.MultiheadAttention``, with
# the same weights. With the dot product nothing changes; with another similarity the copy is where training begins.
# ``HopfieldAttention``, ``HopfieldPooling`` and ``HopfieldLayer`` are the modules by themselves, for PyTorch in
# ``hopfield.layers.torch`` and for Equinox in ``hopfield.layers.equinox``.

block = torch.nn.TransformerEncoderLayer(16, nhead=4, dim_feedforward=32, dropout=0.0, batch_first=True)
model = torch.nn.TransformerEncoder(block, num_layers=2, enable_nested_tensor=False).eval()
words = torch.randn(2, 7, 16)  # 2 sentences of 7 words
for similarity in ("dot", "euclidean", "manhattan"):
    change = (replace_attention(model, similarity=similarity)(words) - model(words)).abs().max().item()
    print(f"{similarity:10} the answer changes by up to {change:.1e}")

# %%
# A memory learns its patterns
# ----------------------------
# `hopfield.layers.fit` makes a memory better at what it is asked. Here thirty patterns and beta are learned such that
# one application of the rule cleans noisy digits (``loss="recall"``). The patterns begin as random pictures, and
# ``corrupt`` makes the cues. What was given is left as it is; ``found.model`` is the memory that learned.

digits = load("digits").rows
train, test = (torch.tensor(rows) for rows in (digits[100:600], digits[600:700]))


def noisy(pictures, rng):
    """Noise of deviation 0.4 on every pixel."""
    return pictures + 0.4 * torch.tensor(rng.standard_normal(pictures.shape), dtype=pictures.dtype)


first = UniversalHopfield(torch.rand(30, 64), "euclidean", beta=1.0)
found = fit(first, train, loss="recall", corrupt=noisy, steps=300, rate=0.03, seed=0)
print(f"{found.verdict}: loss {found.losses[0]:.3f} -> {found.losses[-1]:.3f}, beta 1 -> {found.model.beta:.2f}")

# %%
# The patterns have become digits, or what several have in common: what a memory must store to clean others of their
# kind.

figure = new_figure((8, 2.4))
axes = figure.subplots(2, 10)
for row, stage in zip(axes, (first, found.model), strict=True):
    for ax, one in zip(row, stage.memories, strict=False):
        ax.imshow(one.reshape(8, 8).numpy(), cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("before")
axes[1, 0].set_ylabel("after")

# %%
# On digits that were not used for learning:

cues = noisy(test, np.random.default_rng(1))
errors = {
    "the cues": cues,
    "answers before": first.recall(cues),
    "answers after": found.model.recall(cues),
}
for name, one in errors.items():
    print(f"mean squared error of {name:15} {((one - test) ** 2).mean():.3f}")
assert ((errors["answers after"] - test) ** 2).mean() < 0.3 * ((cues - test) ** 2).mean()

# %%
# A similarity that is learned
# ----------------------------
# Which similarity is right depends on the damage. `LearnedSimilarity` compares what an *encoder* (here a matrix) makes
# of the cue and of each pattern, and ``fit`` trains the encoder to tell the pattern of a cue from all others. The lower
# half of each cue is black. The hundred digits that are stored at the end were not seen in training.


def half(pictures, rng):
    """The lower half hidden."""
    return mask(pictures, (8, 8))


learned = fit(LearnedSimilarity(np.eye(64, dtype="float32")), digits[100:], corrupt=half, steps=100, seed=0).model
stored, cut = digits[:100], mask(digits[:100], (8, 8))
for name, similarity in {"euclidean": "euclidean", "manhattan": "manhattan", "learned": learned}.items():
    best = UniversalHopfield(stored, similarity, beta=10.0).retrieve(cut).pattern
    print(f"{name:10} recalls {np.mean(best == np.arange(100)):.0%} of the hundred digits")

# %%
# The encoder has learned not to look at the lower half. Where you know what is hidden, saying so (``known=``) does the
# same without training; :doc:`/paper` compares learned and fixed similarities when you do not.
#
# Gaps in a table
# ---------------
# `PatternCompleter` is such a memory with the interface of scikit-learn: it stores complete rows, and fills what is NaN
# in others by what is recalled from the rest. ``beta`` is chosen by cross-validation, as any setting of an estimator.

rows, new = digits[100:600].astype(float), digits[600:700].astype(float)
gaps = np.where(np.random.default_rng(0).random(new.shape) < 0.5, np.nan, new)
chosen = GridSearchCV(PatternCompleter(), {"beta": [1.0, 3.0, 10.0, 30.0]}).fit(rows)
print("beta:", chosen.best_params_["beta"])
for name, one in {
    "column means": SimpleImputer(),
    "5 neighbours": KNNImputer(n_neighbors=5),
    "PatternCompleter": chosen.best_estimator_,
}.items():
    error = (one.fit(rows).transform(gaps) - new)[np.isnan(gaps)]
    print(f"{name:17} root mean squared error {np.sqrt(np.mean(error**2)):.3f}")

# %%
# Gradients for losses of your own
# --------------------------------
# A memory that is built of tensors which require gradients can be part of any loss. ``recall`` is a plain function.
# ``retrieve`` and ``simulate`` stop when they see that nothing moves, and what depends on looking cannot be
# differentiated. Two functions stand in their place:
#
# * `equilibrium` gives the state at which retrieval rests. Its gradient comes from the equation that holds there (the
#   implicit function theorem), and nothing is kept of the way.
# * `rollout` takes a fixed number of equal steps in time: a pure function, for ``torch``, ``jax.jit`` and ``jax.grad``.
#
# After many steps of the second both give the same gradient.

patterns = torch.tensor(digits[:20], dtype=torch.float64, requires_grad=True)
asked = torch.tensor(gaussian_noise(digits[:20], 0.05, seed=3), dtype=torch.float64)
memory = UniversalHopfield(patterns, "euclidean", beta=3.0, tau_memory=0)
slopes = {}
for name, end in {
    "equilibrium": equilibrium(memory, asked),
    "rollout, 6 steps": rollout(memory, asked, 0.5, 6)["value"],
    "rollout, 60 steps": rollout(memory, asked, 0.5, 60)["value"],
}.items():
    (slopes[name],) = torch.autograd.grad(((end - patterns.detach()) ** 2).mean(), patterns)
    gap = (slopes[name] - slopes["equilibrium"]).norm() / slopes["equilibrium"].norm()
    print(f"{name:18} gradient {gap:.0e} from that of equilibrium")
assert gap < 1e-4
