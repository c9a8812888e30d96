"""A Hopfield layer in a small classifier: digits recalled from patterns that are learned, with three similarities."""

from argparse import ArgumentParser

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from hopfield.layers.torch import HopfieldLayer

parser = ArgumentParser(description=__doc__)
parser.add_argument("--epochs", type=int, default=30, help="passes over the training images (default: %(default)s)")
options = parser.parse_args()

images, labels = load_digits(return_X_y=True)
seen, unseen, known, wanted = train_test_split(images / 16, labels, test_size=0.3, random_state=0, stratify=labels)
seen, unseen = (torch.tensor(x, dtype=torch.float32)[:, None] for x in (seen, unseen))  # sequences of one vector
known, wanted = torch.tensor(known), torch.tensor(wanted)

for similarity in ("dot", "euclidean", "manhattan"):
    torch.manual_seed(0)
    # The layer compares each image with 40 patterns in 4 heads, and recalls a mixture of what they stand for.
    layer = HopfieldLayer(64, 4, batch_first=True, num_patterns=40, similarity=similarity)
    model = nn.Sequential(layer, nn.Flatten(), nn.LayerNorm(64), nn.Linear(64, 10))
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(options.epochs):
        for batch in torch.randperm(len(seen)).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(seen[batch]), known[batch]).backward()
            optimiser.step()
    model.eval()
    right = (model(unseen).argmax(-1) == wanted).float().mean()
    print(f"{similarity:<10} {100 * right:.1f} % of {len(wanted)} unseen digits; beta {layer.beta.tolist()}")
