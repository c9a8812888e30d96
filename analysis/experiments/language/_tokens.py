"""Vocabularies: characters, words, and pairs of bytes that stand together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ....dynamics.backend import optional_import, unknown_name
from ....dynamics.doors import whole
from ._text import Text

NAMES = ("characters", "words", "bytes")
UNKNOWN = "<unk>"


class Vocabulary(NamedTuple):
    """How many tokens there are, and the numbers of those of a text."""

    size: int
    encode: Callable[[str], np.ndarray]
    closed: bool  # whether some texts cannot be told exactly, so that bits per character do not compare


def vocabulary(name: str, text: Text, size: int = 2000) -> Vocabulary:
    """The vocabulary of a name, learned from a text.

    Parameters
    ----------
    name : {"characters", "words", "bytes"}
        Every character; words that occur twice at least, and line ends; or byte pairs, merged until there are `size`
        tokens (by the package `tokenizers`).
    text : Text
        What is learned from.
    size : int
        Of the byte pairs.
    """
    if name == "characters":
        known = sorted(set("".join(text.articles)))
        return Vocabulary(len(known) + 1, _by_table(known, list), True)
    if name == "words":
        counts = Counter(word for article in text.articles for word in _words(article))
        return Vocabulary(
            len(known := sorted(w for w, n in counts.items() if n > 1)) + 1, _by_table(known, _words), True
        )
    if name == "bytes":
        return _byte_pairs(text, whole("size", size, 257))
    raise unknown_name("vocabulary", name, NAMES)


def _words(text: str) -> list[str]:
    return re.findall(r"\n|[^\s]+", text)


def _by_table(known: list[str], split: Callable[[str], list[str]]) -> Callable[[str], np.ndarray]:
    table = {word: number for number, word in enumerate(known)}
    last = len(known)  # of what is not known
    return lambda text: np.array([table.get(word, last) for word in split(text)], dtype=np.int64)


def _byte_pairs(text: Text, size: int) -> Vocabulary:
    library = optional_import("tokenizers")
    made = library.Tokenizer(library.models.BPE())
    made.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = library.pre_tokenizers.ByteLevel.alphabet()
    trainer = library.trainers.BpeTrainer(vocab_size=size, show_progress=False, initial_alphabet=alphabet)
    made.train_from_iterator((line for article in text.articles for line in article.splitlines(True)), trainer)
    encode = lambda text: np.array(made.encode(text).ids, dtype=np.int64)  # noqa: E731
    return Vocabulary(made.get_vocab_size(), encode, False)
