"""Language models with other similarities compared by bits per character of held-out articles, in pairs."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ....dynamics.backend import optional_import, unknown_name
from ....dynamics.doors import flag, names, whole
from ...results import Result
from .._cells import run_cells, versions
from ._forms import FORMS
from ._settings import SETTINGS
from ._text import beginnings, halves, pair, shortened
from ._tokens import NAMES, vocabulary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWS = 4000  # of the bootstrap
MODEL = (
    *("width", "heads", "blocks", "hidden", "dropout", "batch", "clip", "context", "first_norm", "activation"),
    *("optimiser", "cycle", "tied"),
)


@dataclass(frozen=True, eq=False, repr=False)
class LanguageComparison(Result):
    """How well language models with each form of attention tell held-out articles.

    Attributes
    ----------
    model, vocabulary : str
        "faithful", "improved" or "quick"; "words", "bytes" or "characters".
    forms : tuple of str
        Rows of `FORMS`; the first is what the others are compared with.
    rates : dict
        The learning rate of each form that its sweep chose, on articles apart from those of `nats`.
    nats : array (forms, seeds, articles)
        -sum ln p of each article.
    tokens, characters : int arrays (articles,)
        Of each article.
    diverged : int array (forms, seeds)
        Whether training diverged, so that the last good state was measured.
    betas : dict
        Of each form, those of heads in blocks at the end, by seed.

    Examples
    --------
    >>> import numpy as np
    >>> nats = np.array([[[70.0, 30.0], [72.0, 29.0]], [[68.0, 29.0], [70.0, 28.0]]])
    >>> sizes = {"tokens": np.array([30, 12]), "characters": np.array([50, 20])}
    >>> found = LanguageComparison("quick", "characters", ("dot", "euclidean"), {}, nats, **sizes)
    >>> found.bits().round(3).tolist(), found.difference("euclidean")[0].round(3).item()
    ([2.071, 2.009], -0.062)
    """

    model: str
    vocabulary: str
    forms: tuple[str, ...]
    rates: dict[str, float]
    nats: np.ndarray
    tokens: np.ndarray
    characters: np.ndarray
    diverged: Any = None
    betas: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of its files."""
        return f"fig09_{self.model}"

    @property
    def seeds(self) -> int:
        """How many models were trained of each form."""
        return self.nats.shape[1]

    def bits(self) -> np.ndarray:
        """Bits per character of each form, the mean over seeds, shape (forms,)."""
        return self.nats.sum(-1).mean(-1) / math.log(2) / self.characters.sum()

    def perplexity(self) -> np.ndarray:
        """exp(nats per token) of each form, at the mean over seeds, shape (forms,)."""
        return np.exp(self.nats.sum(-1).mean(-1) / self.tokens.sum())

    def difference(self, form: str, level: float = 0.95, seed: int = 0) -> tuple[np.float64, np.float64, np.float64]:
        """Bits per character of a form less those of the first, with an interval: (difference, low, high).

        Differences are taken article by article and seed by seed, so that what makes an article hard, and an order of
        the batches lucky, falls out; articles and seeds are then drawn anew together (a bootstrap of percentiles).
        """
        k = self._row(form)
        gaps = (self.nats[k] - self.nats[0]) / math.log(2)  # (seeds, articles)
        rng = np.random.default_rng(seed)
        seeds = rng.integers(gaps.shape[0], size=(DRAWS, gaps.shape[0]))
        some = rng.integers(gaps.shape[1], size=(DRAWS, gaps.shape[1]))
        drawn = np.array(
            [gaps[s][:, a].sum(1).mean() / self.characters[a].sum() for s, a in zip(seeds, some, strict=True)]
        )
        low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
        return gaps.sum(1).mean() / self.characters.sum(), low, high

    def verdict(self, form: str) -> str:
        """Better or worse than the first form, or not decided with the width of the interval."""
        gap, low, high = self.difference(form)
        if low <= 0 <= high:
            return f"not decided: {gap:+.3f}, interval of width {high - low:.3f}"
        return f"{'better' if gap < 0 else 'worse'}: {gap:+.3f} [{low:+.3f}, {high:+.3f}]"

    def records(self) -> list[dict[str, Any]]:
        """One dict for each form."""
        found = []
        for k, form in enumerate(self.forms):
            gap, low, high = self.difference(form)
            each = self.nats[k].sum(-1) / math.log(2) / self.characters.sum()
            found.append(
                {
                    "form": form,
                    "formula": FORMS[form].formula if form in FORMS else "",
                    "rate": self.rates.get(form),
                    "seeds": self.seeds,
                    "bits_per_character": float(self.bits()[k]),
                    "deviation": float(each.std(ddof=1)) if self.seeds > 1 else None,
                    "perplexity": float(self.perplexity()[k]),
                    "difference": float(gap),
                    "low": float(low),
                    "high": float(high),
                    "diverged": 0 if self.diverged is None else int(np.sum(self.diverged[k])),
                }
            )
        return found

    def table(self) -> str:
        """Bits per character and perplexity of each form, and its difference from the first with its interval."""
        lines = [
            f"Figure 9, language models with other similarities; {self.model} model, vocabulary of {self.vocabulary}",
            f"{self.seeds} seeds, {len(self.tokens)} articles of {self.characters.sum()} characters held out; "
            f"differences from {self.forms[0]} in pairs, 95 % by bootstrap",
            "",
            f"{'form':<12}{'rate':>8}{'bits/char':>11}{'+-':>7}{'ppl':>9}  {'difference':<28}{'diverged':>9}",
        ]
        for row in self.records():
            gap = (
                ""
                if row["form"] == self.forms[0]
                else f"{row['difference']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}]"
            )
            spread = "" if row["deviation"] is None else f"{row['deviation']:.3f}"
            rate = "" if row["rate"] is None else f"{row['rate']:g}"
            lines.append(
                f"{row['form']:<12}{rate:>8}{row['bits_per_character']:>11.4f}{spread:>7}{row['perplexity']:>9.2f}  "
                f"{gap:<28}{row['diverged']:>9}"
            )
        lines += ["", *(f"{form} against {self.forms[0]}: {self.verdict(form)}" for form in self.forms[1:])]
        return "\n".join(lines)

    def plot(self) -> list[Figure]:
        """Differences from the first form with their intervals."""
        from matplotlib.figure import Figure

        rows = self.records()[1:]
        figure = Figure(figsize=(6.4, 1.2 + 0.4 * len(rows)), layout="constrained")
        ax = figure.subplots()
        for k, row in enumerate(rows):
            ax.plot([row["low"], row["high"]], [k, k], color="C0", lw=2)
            ax.plot(row["difference"], k, "o", color="C0")
        ax.axvline(0, color="0.6", lw=1)
        ax.set_yticks(range(len(rows)), [row["form"] for row in rows])
        ax.invert_yaxis()
        ax.set_xlabel(f"bits per character less those of {self.forms[0]} (left is better)")
        ax.set_title(f"{self.model} model, {self.seeds} seeds, 95 % intervals", fontsize="medium")
        return [figure]

    def write(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write table, records and picture into a folder, and say where."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        text, data, picture = (folder / f"{self.name}.{end}" for end in ("txt", "json", "png"))
        text.write_text(self.table() + "\n", encoding="utf-8")
        data.write_text(json.dumps(self.records(), indent=1) + "\n", encoding="utf-8")
        self.plot()[0].savefig(picture)
        return [text, data, picture]

    def _row(self, form: str) -> int:
        if form not in self.forms:
            raise unknown_name("form", form, self.forms)
        return self.forms.index(form)


def compare_language_models(
    data: Any,
    model: str = "improved",
    *,
    forms: Sequence[str] = tuple(FORMS),
    vocabulary_name: str | None = None,
    seeds: int | None = None,
    epochs: int | None = None,
    quick: bool = False,
    out: str | os.PathLike[str] | None = None,
    seed: int = 0,
    jobs: int = 1,
    progress: bool = True,
) -> LanguageComparison:
    """Train small language models that differ in their attention alone, and compare them article by article.

    For each form a sweep of short trainings chooses the learning rate, by every second article that is held out; then
    models are trained at it with several seeds, and measured on the other articles. Each training is a cell that is
    done once: whoever was interrupted goes on where the cells end.

    Parameters
    ----------
    data : path or pair of paths
        A text in UTF-8, also packed by gzip, to learn from, and one that is held out; of one alone the last tenth is
        held out. Articles begin with lines such as ``= Title =``.
    model : {"improved", "faithful", "quick"}
        `SETTINGS` has them. The paper says little of its model: "faithful" follows what it says.
    forms : sequence of str
        Rows of `FORMS`; the first is what the others are compared with.
    vocabulary_name : {"bytes", "words", "characters"}, optional
        Instead of the model's own. "bytes" needs the package `tokenizers`.
    seeds, epochs : int, optional
        Instead of the model's own.
    quick : bool
        The model "quick", minutes instead of hours.
    out : path, optional
        A folder for table, picture and finished cells.
    seed : int
        The first of the seeds.
    jobs : int
        Processes at once, each with one thread.
    progress : bool
        Whether there is a progress bar, if there is a terminal.

    References
    ----------
    Millidge et al. 2022, ICML, PMLR 162, appendix F. Byte pairs: Sennrich, Haddow & Birch 2016,
    arXiv:1508.07909.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("text.txt").write_text("the cat sat on the mat and the dog sat on the cat .\\n" * 300)
    >>> found = compare_language_models("text.txt", quick=True, forms=["dot", "euclidean"], seeds=1, epochs=1)
    >>> found.bits().shape, found.seeds
    ((2,), 1)
    """
    optional_import("torch")
    model = "quick" if flag("quick", quick) else model
    if model not in SETTINGS:
        raise unknown_name("model", model, SETTINGS)
    settings = SETTINGS[model]
    forms = tuple(names("forms", forms))
    for form in forms:
        if form not in FORMS:
            raise unknown_name("form", form, FORMS)
    if len(set(forms)) < len(forms) or not forms:
        raise ValueError(f"forms must be different rows of FORMS, one at least; got {', '.join(forms) or 'none'}.")
    kind = settings["vocabulary"] if vocabulary_name is None else vocabulary_name
    if kind not in NAMES:
        raise unknown_name("vocabulary", kind, NAMES)
    learned, held = pair(data)
    if settings["characters"] is not None:
        learned, held = shortened(learned, settings["characters"]), beginnings(held, settings["held_out"])
    if len(held.articles) < 2:
        raise ValueError("One article is held out, and two are needed: one to choose the rate by, and one to report.")
    made = vocabulary(kind, learned)
    stream = np.concatenate([made.encode(article) for article in learned.articles])
    least = settings["batch"] * (settings["context"] + 1)
    if len(stream) < least:
        raise ValueError(
            f"The text has {len(stream)} tokens, and one step of the model {model!r} takes {least} "
            f"({settings['batch']} pieces of {settings['context'] + 1}). Give a longer text."
        )
    choosing, reported = halves(held)
    tokens = [made.encode(article) for article in held.articles]
    told = {"model": model, "vocabulary": kind, "size": made.size, "text": learned.check, "held_out": held.check}
    told |= {"versions": {**versions(), "torch": optional_import("torch").__version__.split("+")[0]}}
    told |= {name: settings[name] for name in MODEL}

    def cell(form: str, rate: float, one: int, epochs: int, what: str) -> dict[str, Any]:
        return {"form": form, "rate": rate, "seed": one, "epochs": epochs, "articles": what, **told}

    count = settings["seeds"] if seeds is None else whole("seeds", seeds, 1)
    length = settings["epochs"] if epochs is None else whole("epochs", epochs, 1)
    short = min(length, settings["sweep_epochs"])
    folder = None if out is None else Path(out)
    where = None if folder is None else folder / f"fig09_{model}.jsonl"
    options: dict[str, Any] = {"out": where, "jobs": jobs, "show": progress}
    sweep = [cell(form, rate, seed, short, "choosing") for form in forms for rate in settings["rates"]]
    shared = (stream, [tokens[k] for k in choosing], made.size)
    found = run_cells(_run, sweep, shared, label="learning rates", **options)
    losses = {(c["form"], c["rate"]): _mean_nats(r) for c, r in zip(sweep, found, strict=True)}
    rates = {form: min(settings["rates"], key=lambda rate, form=form: losses[form, rate]) for form in forms}
    last = [cell(form, rates[form], seed + 1 + k, length, "reported") for form in forms for k in range(count)]
    shared = (stream, [tokens[k] for k in reported], made.size)
    done = run_cells(_run, last, shared, label="models", **options)
    rows = {form: [r for c, r in zip(last, done, strict=True) if c["form"] == form] for form in forms}
    comparison = LanguageComparison(
        *(model, kind, forms, rates),
        np.array([[r["nats"] for r in rows[form]] for form in forms]),
        np.array(done[0]["tokens"]),
        np.array([len(held.articles[k]) for k in reported]),
        np.array([[r["diverged"] for r in rows[form]] for form in forms]),
        {form: [r["betas"] for r in rows[form]] for form in forms},
    )
    if folder is not None:
        comparison.write(folder)
    return comparison


def _mean_nats(result: dict[str, Any]) -> float:
    found = sum(result["nats"]) / max(1, sum(result["tokens"]))
    return math.inf if result["diverged"] else found


def _run(stream: np.ndarray, held: Sequence[np.ndarray], size: int, cell: dict[str, Any]) -> dict[str, Any]:
    from ._training import trained

    return trained(stream, held, size, cell)
