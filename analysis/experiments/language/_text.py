"""A text as articles: what is learned from, and what is held out."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ....data import VARIABLE
from ....dynamics.doors import path as path_

TITLE = re.compile(r"^ ?= [^=].*[^=] = ?$", re.MULTILINE)  # of an article, and not of a section, = = so = =
PIECE = 4000  # characters of a piece of a text without titles
LEAST = 2000  # characters that a text must have


class Text(NamedTuple):
    """Articles, with a number that tells this text from another."""

    articles: tuple[str, ...]
    check: int

    @property
    def characters(self) -> int:
        """How many in all."""
        return sum(map(len, self.articles))


def read(path: str | os.PathLike[str]) -> Text:
    """The articles of a file of text, also one packed by gzip.

    Raises
    ------
    ValueError
        Where it is no text, or too short to learn from.
    """
    path = path_("data", path)
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(
            f"{str(path)!r} is no text in UTF-8 ({error}). Give a plain text, or one packed by gzip."
        ) from None
    if len(text) < LEAST:
        raise ValueError(
            f"{str(path)!r} has {len(text)} characters, and a language model learns nothing from fewer than {LEAST}. "
            "Give a longer text, such as that of WikiText-2 (two million words)."
        )
    return articles(text)


def articles(text: str) -> Text:
    """A text cut at its titles, lines such as ``= Robert =``; one that has none, at line ends after 4000 characters."""
    starts = [match.start() for match in TITLE.finditer(text)]
    if len(starts) < 2:
        starts, last = [], -PIECE
        for match in re.finditer(r"^", text, re.MULTILINE):
            if match.start() - last >= PIECE:
                starts.append(last := match.start())
        if len(starts) < 2:  # one line
            starts = list(range(0, len(text), PIECE))
    starts[0] = 0
    pieces = tuple(text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True))
    return Text(pieces, zlib.crc32(text.encode()))


def halves(text: Text) -> tuple[list[int], list[int]]:
    """Articles that choose the learning rate, and those that are reported: every second one."""
    return list(range(0, len(text.articles), 2)), list(range(1, len(text.articles), 2))


def shortened(text: Text, characters: int) -> Text:
    """The first articles with so many characters in all; the last of them is cut."""
    kept, left = [], characters
    for article in text.articles:
        if left > 0:
            kept.append(article[:left])
            left -= len(article)
    return Text(tuple(kept), zlib.crc32("".join(kept).encode()))


def beginnings(text: Text, characters: int) -> Text:
    """The beginning of every article, of one length, with so many characters in all at most."""
    kept = tuple(article[: max(2, characters // len(text.articles))] for article in text.articles)
    return Text(kept, zlib.crc32("".join(kept).encode()))


def texts(data: Any) -> Any:
    """The paths that were given, or those of WikiText-2 in the folder HOPFIELD_DATA: train (or test) and valid."""
    if data is not None:
        return data
    folder = Path(os.environ.get(VARIABLE, "")) / "wikitext2"
    found = [next(iter(sorted(folder.glob(f"*{part}*.t*"))), None) for part in ("train", "test", "valid")]
    learned, held = found[0] or found[1], found[2]
    if not os.environ.get(VARIABLE) or learned is None or held is None:
        raise ValueError(
            "Figure 9 learns from a text: give data=path, or two of them, of which the second is held out; or put "
            f"WikiText-2 (train.txt and valid.txt) into the folder wikitext2 of {VARIABLE}."
        )
    return [learned, held]


def pair(data: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> tuple[Text, Text]:
    """What is learned from and what is held out: two files, or the last tenth of the articles of one."""
    given = [data] if isinstance(data, str | os.PathLike) else list(data)
    if len(given) not in (1, 2):
        raise ValueError(f"data is one text, or one to learn from and one that is held out; got {len(given)} paths.")
    texts = [read(one) for one in given]
    if len(texts) == 2:
        return texts[0], texts[1]
    count = len(texts[0].articles)
    held = max(2, count // 10)
    if count - held < 1:
        raise ValueError(f"The text has {count} articles, and three are needed: one to learn from and two held out.")
    return Text(texts[0].articles[:-held], texts[0].check), Text(texts[0].articles[-held:], texts[0].check)
