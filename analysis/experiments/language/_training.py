"""One language model trained and measured. Imported only where PyTorch is wanted."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ._forms import FORMS
from ._model import LanguageModel

WORSE = 3.0  # nats by which a loss may lie above the first before training counts as diverged


def trained(stream: np.ndarray, held: Sequence[np.ndarray], size: int, cell: dict[str, Any]) -> dict[str, Any]:
    """What a model trained on a stream of tokens gives for the articles that are held out.

    `nats` are those of all tokens of each article but the first, and `tokens` their numbers. Training that diverges,
    with a loss that is not finite or far above the first one, is stopped, and the last good state measured.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in one order, whatever else the machine does
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(cell["seed"])
            model = LanguageModel(size, cell, FORMS[cell["form"]])
            diverged, loss = _fit(model, torch.tensor(stream), size, cell)
            model.eval()
            nats = [_nats(model, torch.tensor(article), cell) for article in held]
    finally:
        torch.set_num_threads(before)
    counts = [max(0, len(article) - 1) for article in held]
    return {"nats": nats, "tokens": counts, "diverged": diverged, "loss": loss, "betas": model.betas()}


def _fit(model: LanguageModel, stream: Tensor, size: int, cell: dict[str, Any]) -> tuple[bool, float]:
    context, batch = cell["context"], cell["batch"]
    rows = stream[: len(stream) // batch * batch].reshape(batch, -1)
    starts = max(1, (rows.shape[1] - 1) // context)
    kind = torch.optim.AdamW if cell["optimiser"] == "adamw" else torch.optim.Adam
    optimiser = kind(model.parameters(), lr=cell["rate"])
    total = starts * cell["epochs"]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, cell["rate"], total) if cell["cycle"] else None
    good, loss, bound = copy.deepcopy(model.state_dict()), math.log(size), math.inf
    for _ in range(cell["epochs"]):
        model.train()
        losses = []
        shift = int(torch.randint(max(1, rows.shape[1] - 1 - starts * context + 1), ()))
        for k in range(starts):
            piece = rows[:, shift + k * context : shift + (k + 1) * context + 1]
            optimiser.zero_grad()
            found = nn.functional.cross_entropy(model(piece[:, :-1]).flatten(0, 1), piece[:, 1:].flatten())
            losses.append(float(found.detach()))
            bound = max(losses[0], math.log(size)) + WORSE if bound == math.inf else bound
            if not losses[-1] <= bound:  # NaN too
                model.load_state_dict(good)
                return True, loss
            found.backward()
            if not bool(nn.utils.clip_grad_norm_(model.parameters(), cell["clip"]).isfinite()):
                model.load_state_dict(good)
                return True, loss
            optimiser.step()
            if schedule is not None:
                schedule.step()
        loss = float(np.mean(losses))
        good = copy.deepcopy(model.state_dict())
    if not all(bool(x.isfinite().all()) for x in good.values()):
        return True, loss
    return False, loss


@torch.no_grad()
def _nats(model: LanguageModel, article: Tensor, cell: dict[str, Any]) -> float:
    """-sum ln p of the tokens of an article but the first; each is told from at least half a context behind it."""
    context, half = cell["context"], max(1, cell["context"] // 2)
    total, done = 0.0, 1
    windows, goals = [], []
    while done < len(article):
        stop = min(len(article), max(done + half, context + 1) if done == 1 else done + half)
        start = max(0, stop - 1 - context)
        windows.append((start, stop))
        goals.append(stop - done)
        done = stop
    for k in range(0, len(windows), 64):
        some = windows[k : k + 64]
        width = max(stop - 1 - start for start, stop in some)
        given = torch.stack([nn.functional.pad(article[a : b - 1], (0, width - (b - 1 - a))) for a, b in some])
        logits = model(given)
        for row, (a, b), count in zip(logits, some, goals[k : k + 64], strict=True):
            length = b - 1 - a
            total += float(
                nn.functional.cross_entropy(
                    row[length - count : length].double(), article[b - count : b], reduction="sum"
                )
            )
    return total
