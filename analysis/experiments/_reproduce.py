"""The figures of the paper, made anew: as the published code computes them, as the text says, and fairly compared."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data import VARIABLE, Images, load
from ...dynamics.backend import unknown_name
from ...dynamics.doors import checked
from ...models import _doors as doors
from ...models.measures import similarity
from .. import _declared as declared
from ..plots import wording
from ..results import Result
from ._capacity import half, stored_and_asked, sweep_of
from ._cells import Unfinished
from ._figures import FIGURES, READINGS, Panel, panels
from ._fractions import one_pass
from ._plots import plot_sheet, plot_sweeps
from ._sweep import Sweep
from .language import compare_language_models, texts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUICK_SIZES, QUICK_MOST, QUICK_RUNS = (5, 20, 100), 100, 3
LANGUAGE = 9  # the figure of language models
SHOWN = 5  # images of a sheet
SQUARED_ERRORS = (0, 10, 25, 50, 75, 100, 200, 400)  # looked for among the answers of figure 10
Row = tuple[str, list[tuple[str, np.ndarray]]]


@dataclass(frozen=True, eq=False, repr=False)
class Reproduction(Result):
    """A figure of the paper under one reading, as it came out.

    Attributes
    ----------
    number : int
        Of the figure.
    reading : str
        "code", "text" or "fair".
    panels : tuple of Panel
        What was stored, asked and counted.
    sweeps : tuple of Sweep
        One for each panel, if the figure has curves.
    sheets : tuple of rows of images
        One for each panel, if it has pictures.

    Examples
    --------
    >>> found, = reproduce(14, "fair", quick=True)
    >>> [len(sweep.similarities) for sweep in found.sweeps]
    [4, 4]
    """

    number: int
    reading: str
    panels: tuple[Panel, ...]
    sweeps: tuple[Sweep, ...]
    sheets: tuple[tuple[Row, ...], ...]

    @property
    def name(self) -> str:
        """The name of its files, such as fig02_code."""
        return f"fig{self.number:02d}_{self.reading}"

    @property
    def titles(self) -> list[str]:
        """What stands above each panel."""
        found = []
        for panel, sweep in zip(self.panels, self.sweeps or [None] * len(self.panels), strict=True):
            name = sweep.data if sweep else panel.data
            title = name if panel.title in (name, panel.data) else f"{name}: {panel.title}"
            found.append(title + (f" ({sweep.runs} runs)" if sweep else ""))
        return found

    def table(self) -> str:
        """Means and standard deviations of every panel; what the pictures show, for a figure of pictures."""
        head = f"Figure {self.number}, {FIGURES[self.number][0].lower()}; reading: {self.reading}"
        lines = [head]
        for i, title in enumerate(self.titles):
            panel = self.panels[i]
            asked = f"{panel.cue} {', '.join(f'{level:g}' for level in panel.levels)}"
            told = f"cues: {asked}; separation: {', '.join(panel.separations)}; right: {', '.join(panel.criteria)}"
            lines += [
                "",
                title,
                told if self.sweeps else f"{asked}; {', '.join(panel.similarities)}, {told.split('; ')[1]}",
            ]
            if self.sweeps:
                lines.append(self.sweeps[i].table())
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.table()

    def records(self) -> list[dict[str, Any]]:
        """A dict for each fraction of each panel that has curves."""
        return [
            {"panel": title, **row}
            for title, sweep in zip(self.titles, self.sweeps, strict=False)
            for row in sweep.records()
        ]

    def plot(self) -> list[Figure]:
        """The figure: one picture with all curves, or one for each sheet of images."""
        if self.sweeps:
            wide = {2: 3 if self.reading == "fair" else len(self.panels), 4: 2, 6: 2}.get(self.number, 3)
            thresholds = self.panels[0].kind == "thresholds"
            found = plot_sweeps(list(zip(self.titles, self.sweeps, strict=True)), min(wide, 4), thresholds=thresholds)
            found.suptitle(f"Figure {self.number}: {FIGURES[self.number][0].lower()}, {self.reading} reading")
            return [found]
        heads = [f"Figure {self.number}, {self.reading} reading, {title}" for title in self.titles]
        return [plot_sheet(sheet, head) for sheet, head in zip(self.sheets, heads, strict=True)]

    def write(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write table and pictures into a folder, and say where."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        text = folder / f"{self.name}.txt"
        text.write_text(self.table() + "\n", encoding="utf-8")
        figures = self.plot()
        names = (
            [f"{self.name}.png"] if len(figures) == 1 else [f"{self.name}_{i}.png" for i in range(1, len(figures) + 1)]
        )
        for figure, name in zip(figures, names, strict=True):
            figure.savefig(folder / name)
        return [text, *(folder / name for name in names)]


@checked(**declared.REPRODUCE)
def reproduce(
    figure: int | str,
    reading: str | Sequence[str] = READINGS,
    *,
    data: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    runs: int | None = None,
    quick: bool = False,
    out: str | os.PathLike[str] | None = None,
    seed: int = 0,
    jobs: int | None = None,
    shard: tuple[int, int] | None = None,
    progress: bool = True,
) -> list[Any]:
    r"""A figure of Millidge et al. 2022 under one reading or several.

    Parameters
    ----------
    figure : int or str
        2 to 14, also ``"fig2"``; ``"all"`` for all of them but figure 9, whose language models take hours.
    reading : str or sequence of str
        ``"code"`` (what the published code computes), ``"text"`` (what the paper says), ``"fair"``; all three unless
        said. `panels` holds what each means.
    data : name, path or several, optional
        What is stored instead of the paper's data sets; else these are loaded by their names (see `load`), Tiny
        ImageNet only where ``HOPFIELD_DATA`` has it. For figure 9 a text to learn from and one that is held out, or one
        of which the last tenth is; unless given, ``wikitext2`` in ``HOPFIELD_DATA``.
    runs : int, optional
        How many disjoint sets, or seeds for figure 9; the reading's number (5 or 10) unless given, and never more than
        the images allow.
    quick : bool
        Small digits that come with scikit-learn, few of them and few runs: some seconds for a figure. Thresholds are
        scaled to their 64 values then.
    out : path, optional
        A folder for tables, pictures and finished cells. Whoever was interrupted goes on where the cells end.
    seed, jobs, shard, progress
        As in `capacity`.

    Returns
    -------
    list of Reproduction
        In the order of figures and readings. For figure 9 one `LanguageComparison`, with the same `table`, `plot`,
        `write` and `name`; its readings are rows of one table.

    Raises
    ------
    ValueError
        For a figure or reading that there is not. Figure 1 is a drawing.

    Examples
    --------
    >>> code, text = reproduce("fig2", ["code", "text"], quick=True)
    >>> code.sweeps[0].at("published(jensen_shannon)", size=100) < 0.2 < code.sweeps[0].at("published(dot)", size=100)
    True
    """
    readings = [reading] if isinstance(reading, str) else list(reading)
    if not readings:
        raise ValueError(f"Give one reading at least: {', '.join(READINGS)}.")
    for one in readings:
        if one not in READINGS:
            raise unknown_name("reading", one, READINGS)
    if _number(figure) == LANGUAGE:
        options: dict[str, Any] = {"seeds": runs, "quick": quick, "out": out, "seed": seed, "jobs": jobs}
        return [compare_language_models(texts(data), **options, progress=progress)]
    found, missing = [], None
    for number in _numbers(figure):
        for one in readings:
            chosen = _panels(number, one, data, quick)
            try:
                made = _made(number, one, chosen, runs, quick, out, seed, jobs, shard, progress)
            except Unfinished as error:  # the shard goes on with what else there is
                missing = error
                continue
            if out is not None:
                made.write(out)
            found.append(made)
    if missing is not None:
        raise missing
    return found


def plot_readings(found: Sequence[Reproduction], data: str | None = None) -> Figure:
    r"""The readings of a figure of curves beside one another: the first panel of each, for one data set.

    Parameters
    ----------
    found : sequence of Reproduction
        From `reproduce`.
    data : str, optional
        The name of the data set; that of the first panel unless given.

    Returns
    -------
    Figure
        ``figure.savefig("readings.png")`` writes it.

    Examples
    --------
    >>> figure = plot_readings(reproduce(14, quick=True))
    >>> [ax.get_title().split(":")[0] for ax in figure.axes]
    ['code', 'text', 'fair']
    """
    found = doors.items("found", found, "reproductions, which reproduce(...) returns", 1)
    data = wording("data", data) or None
    chosen = []
    for one in found:
        doors.kind("found", one, Reproduction, "a list of what reproduce(...) returns")
        if not one.sweeps:
            raise ValueError(f"Figure {one.number} has pictures and no curves: its own `plot` shows them.")
        name = one.sweeps[0].data if data is None else data
        sweep = next((sweep for sweep in one.sweeps if sweep.data == name), None)
        if sweep is None:
            raise ValueError(f"The {one.reading} reading holds {', '.join(s.data for s in one.sweeps)}, not {name}.")
        level = f" {sweep.levels[0]:g}" if len(sweep.levels) == 1 else ""
        chosen.append((f"{one.reading}: {sweep.cue}{level}\nright: {', '.join(sweep.criteria[:1])}", sweep))
    figure = plot_sweeps(chosen, 3, thresholds=found[0].panels[0].kind == "thresholds")
    figure.suptitle(f"Figure {found[0].number}, {chosen[0][1].data}: {FIGURES[found[0].number][0].lower()}")
    return figure


def _numbers(figure: int | str) -> list[int]:
    if figure == "all":
        return list(FIGURES)
    number = _number(figure)
    if number not in FIGURES:
        raise unknown_name("figure", figure, ["all", *(f"fig{n}" for n in sorted([*FIGURES, LANGUAGE]))])
    return [number]


def _number(figure: int | str) -> int | None:
    parts = re.fullmatch(r"(?:fig(?:ure)?)?[ .]*0*(\d+)", str(figure).strip().lower())
    return int(parts[1]) if parts else None


def _panels(number: int, reading: str, data: Any, quick: bool) -> list[tuple[Panel, str]]:
    """Panels with the source of their images."""
    found, here = panels(number, reading), os.environ.get(VARIABLE, "")
    if data is None and not quick and Path(here).is_file():
        data = here
    if quick or data is not None:
        sources = ["digits"] if data is None else doors.paths("data", data)
        first = found[0].data
        several = len({panel.data for panel in found}) > 1 and number in (2, 3, 4)
        kept = [panel for panel in found if panel.data == first] if several else list(found)
        return [(panel, os.fspath(source)) for source in sources for panel in kept]
    tiny = bool(here) and any(Path(here).glob("tiny*"))
    return [(panel, panel.data) for panel in found if tiny or panel.data != "tiny_imagenet"]


def _made(
    number: int,
    reading: str,
    chosen: list[tuple[Panel, str]],
    runs: int | None,
    quick: bool,
    out: Any,
    seed: int,
    jobs: int | None,
    shard: tuple[int, int] | None,
    progress: bool,
) -> Reproduction:
    sweeps, sheets, seen, loaded, missing = [], [], [], {}, None
    cells = None if out is None else Path(out) / f"fig{number:02d}_{reading}.jsonl"
    for panel, source in chosen:
        images = loaded.setdefault(source, load(source))
        panel = _fitted(_small(panel) if quick else panel, images, runs)
        seen.append(replace(panel, data=images.name))
        if panel.kind in ("pictures", "errors"):
            sheets.append(_sheet(panel, images, seed))
            continue
        options = {"target": panel.target, "coding": panel.coding, "progress": progress, "shard": shard}
        rule = (panel.similarities, panel.separations, panel.criteria)
        try:
            sweeps.append(
                sweep_of(images, *rule, panel.sizes, panel.cue, panel.levels, panel.runs, seed, cells, jobs, **options)
            )
        except Unfinished as error:
            missing = error
    if missing is not None:
        raise missing
    return Reproduction(number, reading, tuple(seen), tuple(sweeps), tuple(sheets))


def _small(panel: Panel) -> Panel:
    sizes = QUICK_SIZES if len(panel.sizes) > 1 else tuple(min(size, QUICK_MOST) for size in panel.sizes)
    levels = panel.levels if panel.kind != "curves" or len(panel.levels) < 4 else panel.levels[::3]
    criteria = tuple(c if c == "nearest" else f"{c.split('*')[0]}*D/784" for c in panel.criteria)
    return replace(panel, sizes=sizes, levels=levels, runs=QUICK_RUNS, criteria=criteria)


def _fitted(panel: Panel, images: Images, runs: int | None) -> Panel:
    """No more runs than asked for, nor than there are images."""
    wanted = panel.runs if runs is None else runs
    sizes = tuple(size for size in panel.sizes if size <= len(images.images)) or (len(images.images),)
    return replace(panel, sizes=sizes, runs=max(1, min(wanted, len(images.images) // max(sizes))))


def _sheet(panel: Panel, images: Images, seed: int) -> tuple[Row, ...]:
    """Examples: every level for one image, or one level for several."""
    stored, shape = images.rows[: panel.sizes[0]], images.shape
    kind, target = similarity(panel.similarities[0]), panel.target
    rows: list[Row] = []
    for level in panel.levels:
        cell = {"seed": seed, "run": 0, "level": level, "cue": panel.cue, "coding": panel.coding}
        patterns, cues = stored_and_asked(stored, shape, cell)
        goal = patterns if target == "itself" else half(patterns, shape, target)
        asked = cues if panel.kind == "errors" else cues[:SHOWN]
        (answers,) = one_pass(kind.of(patterns), asked, panel.separations, goal)
        if panel.coding != "intensity":
            patterns, cues, goal, answers = ((x > 0).astype(float) for x in (patterns, cues, goal, answers))
        columns = {"stored": patterns, "cue": cues, "target": goal, "answer": answers}
        if target == "itself":
            del columns["target"]
        if panel.kind == "errors":
            errors = ((answers - goal[: len(answers)]) ** 2).sum(axis=1)
            pick = _nearest_to(errors, SQUARED_ERRORS)
            captions = [f"{errors[i]:.1f}" for i in pick]
        else:
            pick = np.arange(min(SHOWN, len(answers)) if len(panel.levels) == 1 else 1)
            captions = [""] * len(pick)
        for name, values in columns.items():
            label = name if name != "answer" or panel.kind != "errors" else "answer, its\nsquared error"
            words = captions if name == "answer" else [""] * len(pick)
            rows.append((label, [(w, values[i].reshape(shape)) for w, i in zip(words, pick, strict=True)]))
    return tuple(rows) if len(panel.levels) == 1 else _side_by_side(rows, panel.levels)


def _nearest_to(errors: np.ndarray, wanted: Sequence[float]) -> list[int]:
    """One answer for each error that is wanted, none twice, in rising order."""
    pick: list[int] = []
    for value in wanted[: len(errors)]:
        order = np.argsort(np.abs(errors - value), kind="stable").tolist()
        pick.append(next(i for i in order if i not in pick))
    return sorted(pick, key=lambda i: errors[i])


def _side_by_side(rows: list[Row], levels: tuple[float, ...]) -> tuple[Row, ...]:
    """One column for every level, where the levels came below one another."""
    names = list(dict.fromkeys(name for name, _ in rows))
    found = []
    for name in names:
        images = [images[0][1] for label, images in rows if label == name]
        below = [f"{level:.3g}" if name == "answer" else "" for level in levels]
        found.append((name, list(zip(below, images, strict=True))))
    return tuple(found)


__all__ = ["FIGURES", "READINGS", "Reproduction", "plot_readings", "reproduce"]
