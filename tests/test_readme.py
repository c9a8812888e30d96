"""The README's example prints what the README says."""

import contextlib
import io
import re
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def numbers(text):
    """A text with its rounding-level numbers taken out, for comparison."""
    return re.sub(r"\d\.?\d*e-\d+", "tiny", text)


def test_python_blocks_run_and_print_what_is_shown():
    names = {}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for language, code in BLOCKS:
            if language == "python":
                exec(compile(code, "README.md", "exec"), names)
    shown = "".join(text for language, text in BLOCKS if language == "text")
    assert numbers(printed.getvalue()) == numbers(shown)
