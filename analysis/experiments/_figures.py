"""What each figure of the paper is, under three readings: the published code, the text, and a fair comparison.

The figures are those of Millidge et al. 2022, "Universal Hopfield Networks". Readings differ, often much:

========== ============================ ================================== ====================================
what       code                         text                               fair
========== ============================ ================================== ====================================
similarity as published, errors kept    appendix E, divergences as in      appendix E, true divergences, cosine
                                        table 2 with the signs mended
noise      std, absolute value, clipped variance, clipped                  variance, not clipped; and clipped
mask       bottom                       top                                top
separation one-hot max                  softmax of beta = 100; max beside  one-hot max
right when squared error <= 60, or      squared error < 50                 no other stored image is nearer to
           60*784/D                                                        the answer than the right one
runs       5                            10                                 10
========== ============================ ================================== ====================================

Softmax with beta = 100 on scores that sum to one recalls next to nothing beyond ten images; the text reading therefore
shows the one-hot max as well, which is what beta = 100 was to stand for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...dynamics.backend import unknown_name
from ..results import Result

READINGS = ("code", "text", "fair")
SIZES = (2, 5, 10, 20, 50, 100, 200, 300, 500, 700, 1000)
DEVIATIONS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0, 1.5)
FRACTIONS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
THRESHOLDS = (1, 10, 25, 50, 100, 150, 200, 300, 500)
SIX = ("euclidean", "manhattan", "dot", "kl", "reverse_kl", "jensen_shannon")
THREE = ("euclidean", "manhattan", "dot")


@dataclass(frozen=True)
class Panel(Result):
    """One pair of axes, or one sheet of pictures: what is stored, asked and counted."""

    title: str
    data: str
    similarities: tuple[str, ...]
    separations: tuple[str, ...] = ("max",)
    criteria: tuple[str, ...] = ("nearest",)
    sizes: tuple[int, ...] = (100,)
    cue: str = "none"
    levels: tuple[float, ...] = (0.0,)
    target: str = "itself"
    coding: str = "intensity"
    runs: int = 10
    kind: str = "curves"  # or "thresholds", or "pictures"


@dataclass(frozen=True)
class Convention:
    """What a reading says of all figures alike."""

    wrapper: str
    noise: str
    mask: str
    separations: tuple[str, ...]
    criterion: str
    runs: int

    def names(self, plain: tuple[str, ...], *more: str) -> tuple[str, ...]:
        """Similarities as the reading computes them.

        >>> CONVENTIONS["code"].names(("dot",))
        ('published(dot)',)
        """
        if self is CONVENTIONS["text"]:  # table 2 prints half of Jeffreys' divergence as Jensen-Shannon
            plain = tuple("jeffreys" if name == "jensen_shannon" else name for name in plain)
        return (*(f"{self.wrapper}({name})" for name in plain), *more)

    def variance(self, number: float) -> float:
        """The variance that a number of the paper stands for: the code takes it as a standard deviation.

        >>> CONVENTIONS["code"].variance(0.5), CONVENTIONS["text"].variance(0.5)
        (0.25, 0.5)
        """
        return number**2 if self.wrapper == "published" else number


CONVENTIONS = {
    "code": Convention("published", "folded noise", "published mask", ("max",), "error <= 60", 5),
    "text": Convention("normalised", "clipped noise", "mask top", ("max", "softmax(100)"), "error < 50", 10),
    "fair": Convention("normalised", "noise", "mask top", ("max",), "nearest", 10),
}
SEPARATIONS = ("log", "identity", "sqrt", "square", "cube", "polynomial(4)", "polynomial(10)", "max")
UNBOUNDED = ("euclidean", "manhattan", "cosine", "dot", "published(dot)")  # for values of both signs


def panels(figure: int, reading: str) -> tuple[Panel, ...]:
    """The panels of a figure under a reading."""
    if reading not in READINGS:
        raise unknown_name("reading", reading, READINGS)
    if figure not in FIGURES:
        raise unknown_name("figure", figure, [f"fig{number}" for number in FIGURES])
    return FIGURES[figure][1](reading, CONVENTIONS[reading])


def _figure2(reading: str, way: Convention) -> tuple[Panel, ...]:
    similarities = way.names(SIX[:5] if reading == "fair" else SIX)
    criterion = "error <= 60*784/D" if reading == "code" else way.criterion
    noise = way.variance(0.5)
    found = []
    for data in ("mnist", "cifar10", "tiny_imagenet"):
        base = Panel(data, data, similarities, way.separations, (criterion,), SIZES, runs=way.runs)
        if reading == "fair":
            names = way.names(SIX[:5], "cosine")
            free = replace(base, title="noise", cue="noise", levels=(noise,), similarities=UNBOUNDED)
            found += [free, replace(base, title="clipped", cue="clipped noise", levels=(noise,), similarities=names)]
            found += [replace(base, title="top half masked", cue="mask top", levels=(0.5,), similarities=names)]
            continue
        found.append(replace(base, title="noise", cue=way.noise, levels=(noise,)))
        if reading == "text":  # the caption names both
            found.append(replace(base, title="top half masked", cue="mask top", levels=(0.5,)))
    return tuple(found)


def _figure3(reading: str, way: Convention) -> tuple[Panel, ...]:
    similarities, beta = {
        "code": (("published(manhattan)",), ("softmax(1000)",)),
        "text": (("normalised(dot)",), ("softmax(1)",)),
        "fair": (("normalised(cosine)",), ("softmax(1000)", "softmax(1e5)", "sparsemax(1e5)")),
    }[reading]
    base = Panel("", "", similarities, (*SEPARATIONS[:-1], *beta, "max"), (way.criterion,), (5, 7, *SIZES[2:]))
    base = replace(base, cue=way.mask, levels=(0.5,), runs=way.runs, title="half masked")
    return tuple(replace(base, data=data) for data in ("mnist", "cifar10", "tiny_imagenet"))


def _figure4(reading: str, way: Convention) -> tuple[Panel, ...]:
    names = way.names(SIX, "cosine") if reading == "fair" else way.names(SIX)
    found = []
    for data in ("mnist", "cifar10", "tiny_imagenet"):
        base = Panel("noise", data, names, way.separations, (way.criterion,), runs=way.runs)
        levels = tuple(way.variance(number) for number in DEVIATIONS)
        found.append(
            replace(base, cue=way.noise, levels=levels, similarities=UNBOUNDED if reading == "fair" else names)
        )
        sizes = (50,) if reading == "code" else (100,)
        found.append(replace(base, title="mask", cue=way.mask, levels=FRACTIONS, sizes=sizes))
    return tuple(found)


def _figure5(reading: str, way: Convention) -> tuple[Panel, ...]:
    separation = ("softmax(1e5)",) if reading != "text" else ("softmax(100)",)
    modern = Panel("modern", "cifar10", way.names(("manhattan",)), separation, sizes=(15,), target="bottom")
    modern = replace(modern, cue=way.mask, levels=(0.5,), kind="pictures")
    classical = replace(modern, title="classical", data="mnist", similarities=("dot",), separations=("identity",))
    return modern, replace(classical, sizes=(5,), coding="bipolar")


def _figure6(reading: str, way: Convention) -> tuple[Panel, ...]:
    noise = {"code": 0.3**2, "text": 0.5, "fair": 0.5}[reading]
    similarity = ("normalised(cosine)",) if reading == "fair" else way.names(("dot",))
    modern = Panel("modern, itself", "cifar10", similarity, way.separations, (way.criterion,), SIZES)
    modern = replace(modern, cue="clipped noise" if reading == "fair" else way.noise, levels=(noise,), runs=way.runs)
    cue, levels, coding, raw = {
        "code": ("folded noise", (1e-14,), "bipolar", ("published(dot)",)),
        "text": ("mask top", (0.5,), "bipolar", ("dot",)),
        "fair": ("flips", (0.1,), "bipolar random", ("dot",)),
    }[reading]
    sizes = (2, 5, 10, 20, 30, 50, 70, 100, 150) if reading == "fair" else (2, 5, 10, 20, 30, 50)
    name = "classical, random" if reading == "fair" else "classical"
    classical = replace(modern, title=f"{name}, itself", data="mnist", similarities=raw, separations=("identity",))
    right = ("error < 50",) if reading == "fair" else modern.criteria  # 12 wrong values at most
    classical = replace(classical, sizes=sizes, cue=cue, levels=levels, coding=coding, criteria=right)
    halves = tuple(
        replace(one, title=one.title.replace("itself", "bottom half"), target="bottom") for one in (modern, classical)
    )
    return modern, halves[0], classical, halves[1]


def _pictures(cue: str, size: int, levels: tuple[float, ...]):
    def build(reading: str, way: Convention) -> tuple[Panel, ...]:
        kind = {"noise": way.noise, "mask": way.mask}.get(cue, cue)
        found = tuple(way.variance(level) for level in levels) if cue == "noise" else levels
        names = ("manhattan",) if reading == "fair" else way.names(("manhattan",))
        separations = way.separations[:1]
        return (Panel(cue, "cifar10", names, separations, sizes=(size,), cue=kind, levels=found, kind="pictures"),)

    return build


def _figure10(reading: str, way: Convention) -> tuple[Panel, ...]:
    separation = ("max",) if reading == "fair" else ("softmax(8000)",)
    names = ("manhattan",) if reading == "fair" else way.names(("manhattan",))
    base = Panel("squared errors", "cifar10", names, separation, sizes=(1000,), kind="errors")
    return (replace(base, cue=way.noise, levels=(way.variance(0.2),)),)


def _figure11(reading: str, way: Convention) -> tuple[Panel, ...]:
    sign, scale = {"code": ("<=", ""), "text": ("<", ""), "fair": ("<", "*D/784")}[reading]
    criteria = tuple(f"error {sign} {threshold}{scale}" for threshold in THRESHOLDS)
    names = way.names(THREE, *(("cosine",) if reading == "fair" else ()))
    base = Panel("half masked", "cifar10", names, way.separations, criteria, (250,), way.mask, (0.5,))
    return (replace(base, runs=way.runs, kind="thresholds"),)


def _figure14(reading: str, way: Convention) -> tuple[Panel, ...]:
    names = way.names(THREE, *(("cosine",) if reading == "fair" else ()))
    base = Panel("", "cifar10", names, way.separations, (way.criterion,), (300,), levels=FRACTIONS[:7], runs=way.runs)
    return tuple(replace(base, title=cue, cue=cue) for cue in ("random mask", "border"))


FIGURES = {
    2: ("Capacity by similarity", _figure2),
    3: ("Capacity by separation", _figure3),
    4: ("Robustness by similarity", _figure4),
    5: ("Heteroassociation: examples", _figure5),
    6: ("Auto- against heteroassociation", _figure6),
    7: ("Recall from noise: examples", _pictures("noise", 100, DEVIATIONS)),
    8: ("Recall of masked images: examples", _pictures("mask", 50, FRACTIONS)),
    10: ("What a squared error looks like", _figure10),
    11: ("Recall by threshold", _figure11),
    12: ("Random masks: examples", _pictures("random mask", 50, FRACTIONS[:7])),
    13: ("Hidden borders: examples", _pictures("border", 50, FRACTIONS[:7])),
    14: ("Robustness to random masks and hidden borders", _figure14),
}
