"""Command lines that the help and the pages show run when they are typed, in an empty folder."""

import inspect
import re
import shlex
from pathlib import Path

import pytest

from helpers import call
from hopfield.cli import app

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {command.name: command.callback for command in app.registered_commands}
EXAMPLES = {
    name: re.findall(r"\*\*Example:\*\*  hopfield (.+)", inspect.getdoc(function))
    for name, function in COMMANDS.items()
}
FIRST = {"plot": ["simulate"]}  # whose example writes what this one reads


def lines_of(page):
    """The command lines of a page, down to where files of one's own begin."""
    text = (ROOT / page).read_text(encoding="utf-8").partition("files of your own:")[0]
    blocks = re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [line.partition("#")[0].partition("||")[0] for block in blocks for line in block.splitlines()]
    return [line.removeprefix("hopfield ") for line in lines if line.startswith("hopfield ")]


def typed(line):
    """Run it; a server would wait for a browser."""
    words = shlex.split(line)
    return None if words[0] == "explore" else call(*words)


def test_each_command_shows_an_example_of_itself():
    assert {name: [line.split()[0] for line in lines] for name, lines in EXAMPLES.items()} == {
        name: [name] for name in COMMANDS
    }


@pytest.mark.slow
@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "explore"])
def test_the_example_of_a_command_runs(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (*FIRST.get(command, ()), command):
        assert typed(EXAMPLES[name][0]).exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/start.md"])
def test_the_command_lines_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = lines_of(page)
    assert len(lines) >= 3
    for line in lines:
        answer = typed(line)
        assert answer is None or answer.exit_code == 0, line
