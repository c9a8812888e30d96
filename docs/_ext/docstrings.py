"""Docstrings as Sphinx reads them.

They are written to be read in a terminal: formulas stand as they are typed, names in single backticks.

This turns them into what Sphinx reads in the same way: an indented formula becomes a block of its own, bars and stars
stay what they are, and a name in backticks becomes a link where it is public.
"""

from __future__ import annotations

import re
from typing import Any

LINKS: dict[str, str] = {}  # public names and the paths of their pages, filled by api.py
SECTIONS = re.compile(r"^\s*[-=]{3,}\s*$")
LISTED = re.compile(r"^\s*([-*+] |\d+[.)] |\.\. |>>> |\.\.\. |:\w)")
QUOTED = re.compile(r"(``.+?``|:[\w:]+:`[^`]+`|`[^`]+`_{0,2})", re.DOTALL)
NAME = re.compile(r"^`([A-Za-z_][\w.]*)(\([^`<>]*\))?`$")


def plain(text: str) -> str:
    """Prose in which bars are bars, and names in backticks are links or literals."""
    return "".join(_link(part) if k % 2 else _escaped(part) for k, part in enumerate(QUOTED.split(text)))


def _escaped(text: str) -> str:
    text = re.sub(r"(?<!\\)\|", r"\\|", text)
    text = re.sub(r"(?<=\w)(?<!\\)_(?=$|[\s.,;:)\]'+/^*-])", r"\\_", text)  # x_ is no reference
    # A star that joins factors, or stands alone, opens no emphasis; *word* does.
    return (
        re.sub(r"(?<!\\)(?<!\*)\*(?!\*)(?![^\s*][^*\n]*[^\s*\\]\*(?!\w)|\w\*(?!\w))(?<!\w\*)", r"\\*", text)
        if text.count("*") % 2
        else text
    )


def _link(part: str) -> str:
    found = NAME.match(part)
    if found is None:
        return f"`{part}`" if re.match(r"^`[^`]+`$", part) else part
    name, call = found[1], found[2] or ""
    head, _, rest = name.partition(".")
    if head in LINKS:
        return f":py:obj:`{name}{call} <{LINKS[head]}{'.' + rest if rest else ''}>`"
    if name.startswith("hopfield."):
        return f":py:obj:`{name}{call} <{name}>`"
    return f"``{name}{call}``"


def formulas(lines: list[str]) -> list[str]:
    """Lines with their indented formulas made blocks, and their prose made plain."""
    made: list[str] = []
    k, literal = 0, None
    levels = [0]
    while k < len(lines):
        line = lines[k]
        indent = len(line) - len(line.lstrip())
        if not line.strip():
            made.append("")
            k += 1
            continue
        if literal is not None and indent > literal:
            made.append(line)
            k += 1
            continue
        literal = None
        before = made[-1] if made else ""
        if line.lstrip().startswith((".. ", ">>> ")) or line.rstrip().endswith("::"):
            literal = indent if not line.lstrip().startswith(">>> ") else indent - 1
            if line.lstrip().startswith(">>> "):
                while k < len(lines) and lines[k].strip():
                    made.append(lines[k])
                    k += 1
                literal = None
                continue
            made.append(line)
            k += 1
            continue
        if _is_table(line):
            end = [j for j in range(k, len(lines)) if _is_table(lines[j])][2]
            made += [_row(row) for row in lines[k : end + 1]]
            k = end + 1
            continue
        while levels and indent < levels[-1]:
            levels.pop()
        if not levels or indent > levels[-1]:
            if not before.strip() and made and not LISTED.match(line) and not _continues(made, indent):
                block = []
                while k < len(lines) and (not lines[k].strip() or len(lines[k]) - len(lines[k].lstrip()) >= indent):
                    block.append(lines[k])
                    k += 1
                while block and not block[-1].strip():
                    block.pop()
                pad = " " * (levels[-1] if levels else 0)
                made += [f"{pad}.. code-block:: none", f"{pad}   :class: formula", ""]
                made += [f"{pad}   {text[indent:]}" if text.strip() else "" for text in block]
                made += [""]
                continue
            levels.append(indent)
        made.append(line if SECTIONS.match(line) else plain_line(line, lines, k))
        k += 1
    return made


def plain_line(line: str, lines: list[str], k: int) -> str:
    """One line of prose; the name of a section stays."""
    if k + 1 < len(lines) and SECTIONS.match(lines[k + 1]):
        return line
    return plain(line)


def _is_table(line: str) -> bool:
    return bool(re.match(r"^\s*(={2,}\s+)+={2,}\s*$", line))


def _row(line: str) -> str:
    """A row of a table: bars are bars, and what that adds is taken from the blanks before the next column."""
    parts = re.split(r"(\s{2,})", line.replace("|", r"\|"))
    more = 0
    for k, part in enumerate(parts):
        if part.isspace():
            taken = min(more, len(part) - 2)
            parts[k], more = part[taken:], more - taken
        else:
            more += part.count(r"\|")
    return "".join(parts)


def _continues(made: list[str], indent: int) -> bool:
    """Whether an indented paragraph goes on with a parameter's description or a list's point."""
    for line in reversed(made):
        if not line.strip():
            continue
        begin = len(line) - len(line.lstrip())
        if begin < indent:
            point = re.match(r"^\s*([-*+] |\d+[.)] )", line)
            return bool(point and begin + len(point[0].lstrip()) == indent)
        if begin == indent and not SECTIONS.match(line):
            return True
    return False


def process(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """What Sphinx calls for every docstring, before numpydoc."""
    lines[:] = formulas(lines)


def setup(app: Any) -> dict[str, bool]:
    """Come before numpydoc, which reads the sections."""
    app.connect("autodoc-process-docstring", process, priority=300)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
