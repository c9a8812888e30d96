"""
A Hopfield layer in a small classifier
======================================

A memory inside a classifier of handwritten digits, whose patterns are learned: with the dot product, the Euclidean and
the Manhattan similarity.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter

from matplotlib.ticker import MaxNLocator
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
parser.add_argument("--epochs", type=int, default=20, help="passes over the training images (default: %(default)s)")
parser.add_argument("--out", default="hopfield_layer.png", help="the picture (default: %(default)s)")
options = parser.parse_args()

import torch  # noqa: E402
from torch import nn  # noqa: E402

from hopfield.analysis import new_figure, open_axes  # noqa: E402
from hopfield.layers.torch import HopfieldLayer  # noqa: E402

# 1797 images of 8 x 8 pixels, of which a third is kept for the end. Each is a sequence of one vector.
images, labels = load_digits(return_X_y=True)
seen, unseen, known, wanted = train_test_split(images / 16, labels, test_size=0.3, random_state=0, stratify=labels)
seen, unseen = (torch.tensor(x, dtype=torch.float32)[:, None] for x in (seen, unseen))
known, wanted = torch.tensor(known), torch.tensor(wanted)

figure = new_figure((6.4, 4.0))
ax = open_axes(figure.subplots())
for similarity, line in {"dot": "o-", "euclidean": "s--", "manhattan": "^:"}.items():
    torch.manual_seed(0)
    # The layer compares each image with 40 patterns in 4 heads, and recalls a mixture of what they stand for.
    layer = HopfieldLayer(64, 4, batch_first=True, num_patterns=40, similarity=similarity)
    model = nn.Sequential(layer, nn.Flatten(), nn.LayerNorm(64), nn.Linear(64, 10))
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    right = []
    for _ in range(options.epochs):
        for batch in torch.randperm(len(seen)).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(seen[batch]), known[batch]).backward()
            optimiser.step()
        with torch.no_grad():
            right.append(100 * (model(unseen).argmax(-1) == wanted).double().mean().item())
    betas = ", ".join(f"{beta:.2f}" for beta in layer.beta.tolist())
    print(f"{similarity:<10} {right[-1]:.1f} % of {len(wanted)} unseen digits; beta of the heads {betas}")
    ax.plot(range(1, options.epochs + 1), right, line, ms=4, label=similarity)
ax.set(xlabel="passes over the training images", ylabel="unseen digits told right (%)")
ax.xaxis.set_major_locator(MaxNLocator(integer=True))
ax.legend(title="similarity", frameon=False)
figure.savefig(options.out, dpi=150)
print(f"The picture is {options.out}.")
