"""
Attention and learning
======================

The update of a modern Hopfield network *is* the attention of transformers. This tutorial shows the two side by side,
looks at the energy that attention lowers, and then lets gradients pass through a memory, so that the patterns
themselves are learned. It needs PyTorch: ``pip install ".[torch]"``.
"""

# %%
# One update is attention
# -----------------------
# Attention takes queries q, keys K and values V, and returns :math:`\operatorname{softmax}(q K^T/\sqrt d)\, V`. In the
# language of memories the keys are the stored patterns, the values are what each of them recalls (its *projection*),
# and 1/sqrt(d) is beta.

import numpy as np
import torch

from hopfield import ModernHopfield, UniversalHopfield, rollout
from hopfield.analysis import new_figure, open_axes
from hopfield.data import load

torch.manual_seed(0)
keys, values, queries = torch.randn(50, 16), torch.randn(50, 8), torch.randn(5, 16)
theirs = torch.nn.functional.scaled_dot_product_attention(queries[None], keys[None], values[None])[0]
ours = ModernHopfield(keys, beta=16**-0.5, projection=values).recall(queries)
print("largest difference:", f"{(theirs - ours).abs().max():.1e}")
assert torch.allclose(theirs, ours, atol=1e-5)

# %%
# What attention minimises
# ------------------------
# Where keys and values are the same, one step of attention lowers the energy
#
# .. math:: E(q) = \tfrac12 |q|^2 - \tfrac1\beta \log \sum_i e^{\beta K_i \cdot q} ,
#
# and more steps lower it further, until the query has become a stored pattern, or a blend of several.

figure = new_figure((6, 3.2))
ax = open_axes(figure.subplots())
for beta in (0.25, 0.5, 1.0):
    memory = ModernHopfield(keys, beta=beta)
    q, energies = queries, []
    for _ in range(8):
        energies.append(memory.energy(q).mean().item())
        q = memory.recall(q)
    assert all(np.diff(energies) <= 1e-5)
    ax.plot(energies, "o-", label=f"beta = {beta}")
ax.set(xlabel="steps of attention", ylabel="energy, mean of 5 queries")
ax.legend(frameon=False)

# %%
# Gradients pass through a memory
# -------------------------------
# Build the memory from tensors that require gradients, and PyTorch differentiates its answers. Here thirty patterns are
# *learned*, such that a memory of them cleans noisy digits. They begin as random pictures.

digits = torch.tensor(load("digits", limit=600).rows, dtype=torch.float32)
train, test = digits[:500], digits[500:]
patterns = torch.rand(30, 64, requires_grad=True)
first = patterns.detach().clone()
log_beta = torch.tensor(0.0, requires_grad=True)
optimiser = torch.optim.Adam([patterns, log_beta], lr=0.03)


def cleaned(cues):
    """One update of the memory that is being learned."""
    return UniversalHopfield(patterns, "euclidean", beta=torch.exp(log_beta)).recall(cues)


losses = []
for step in range(300):
    loss = torch.mean((cleaned(train + 0.4 * torch.randn(train.shape)) - train) ** 2)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    losses.append(loss.item())
    if step % 60 == 0:
        print(f"step {step:3}  loss {losses[-1]:.4f}  beta {torch.exp(log_beta).item():.2f}")

# %%
# The patterns have become digits: what a memory must store to clean others of their kind.

figure = new_figure((8, 2.4))
axes = figure.subplots(2, 10)
for row, stage in zip(axes, (first, patterns.detach()), strict=True):
    for ax, one in zip(row, stage, strict=False):
        ax.imshow(one.reshape(8, 8), cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("before")
axes[1, 0].set_ylabel("after")

# %%
# On digits that were not used for learning:

noisy = test + 0.4 * torch.randn(test.shape)
with torch.no_grad():
    before = torch.mean((noisy - test) ** 2).item()
    after = torch.mean((cleaned(noisy) - test) ** 2).item()
print(f"mean squared error of the cues {before:.3f}, of the answers {after:.3f}")
assert after < before / 2

# %%
# Gradients through time
# ----------------------
# ``retrieve`` and ``simulate`` stop when they see that nothing moves, and what depends on looking cannot be
# differentiated. ``rollout`` takes a fixed number of equal steps instead: a pure function, for ``torch``, ``jax.jit``
# and ``jax.grad``.

memory = UniversalHopfield(patterns, "euclidean", beta=torch.exp(log_beta), tau_memory=0)
end = rollout(memory, noisy[:20], 0.5, 6)["value"]
loss = torch.mean((end - test[:20]) ** 2)
(slope,) = torch.autograd.grad(loss, patterns)
print("the gradient has shape", tuple(slope.shape), "and is", "finite" if slope.isfinite().all() else "broken")
