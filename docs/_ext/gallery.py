"""What sphinx-gallery is told of the examples: their options, and where their pictures are.

An example draws with matplotlib's objects and saves one picture to ``--out``; a tutorial leaves a figure in the
variable `figure`. Nothing here opens a window or keeps global state. What runs is a copy of `examples/`, which pictures
may be saved beside.
"""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path
from typing import Any

# Options beside --out; what is not listed runs as it is.
OPTIONS = {"figure.py": ["4", "--quick", "--reading", "fair"]}
FOLDERS = {"figure.py"}  # those whose --out is a folder
ORDER = ("models", "dynamics", "analysis", "layers", "data", "paper")  # of folders; others come last, by name
# Examples that come first in their folder; the others follow by name.
FIRST = ("retrieve_digits.py", "euler_against_relaxation.py", "stiff_by_four_methods.py", "compare_on_digits.py")
_seen: set[int] = set()
_kept: list[Any] = []  # figures that were shown: an id is of one object as long as it lives


def arguments(gallery_conf: dict[str, Any], script_vars: dict[str, Any]) -> list[str]:
    """The command line of an example, which runs in its own folder."""
    source = Path(script_vars["src_file"])
    if "tutorials" in source.parts:
        return []
    return [*OPTIONS.get(source.name, []), "--out", source.stem + ("" if source.name in FOLDERS else ".png")]


def pictures(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any], **_: Any) -> str:
    """The pictures that a block saved, or the figure that it left."""
    from sphinx_gallery.scrapers import figure_rst

    source = Path(block_vars["src_file"])
    found = []
    for saved in [source.with_suffix(".png"), *sorted(source.with_suffix("").glob("*.png"))]:
        if saved.exists():
            target = next(block_vars["image_path_iterator"])
            shutil.move(saved, target)
            found.append(target)
    figure = block_vars["example_globals"].get("figure")
    if "tutorials" in source.parts and figure is not None and id(figure) not in _seen and hasattr(figure, "savefig"):
        _seen.add(id(figure))
        _kept.append(figure)
        target = next(block_vars["image_path_iterator"])
        figure.savefig(target, dpi=160)
        found.append(target)
    return figure_rst(found, gallery_conf["src_dir"])


def order(folder: str) -> tuple[int, str]:
    """Where a folder of examples stands in the gallery."""
    name = Path(folder).name
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)


def within(name: str) -> tuple[int, str]:
    """Where an example stands in its folder."""
    return (FIRST.index(name) if name in FIRST else len(FIRST), name)


def give_titles(folder: Path) -> None:
    """In copies of examples: where a docstring has no underlined title, its first words are one."""
    for file in folder.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        said = (ast.get_docstring(ast.parse(text), clean=False) or "").strip()
        if not re.search(r"^=+$", said, re.MULTILINE):
            title = re.split(r"[.:;?]", said, maxsplit=1)[0].strip()
            file.write_text(text.replace(said, f"{title}\n{'=' * len(title)}\n\n{said}", 1), encoding="utf-8")
