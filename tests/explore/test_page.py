"""The page in the browser: built from the source that is here, with the library's arithmetic, and usable."""

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from hopfield.explore import Server, page

WEB = Path(__file__).parents[2] / "web"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SEAL = re.compile(r"\n<!-- built from web/, sha256 ([0-9a-f]{64}) -->")
in_a_checkout = pytest.mark.skipif(not WEB.is_dir(), reason="web/ is in a checkout, not in an installation")
with_node = pytest.mark.skipif(shutil.which("npm") is None, reason="Node.js is not installed")


def source_hash():
    """As web/seal.mjs computes it."""
    files = ["index.html", "package-lock.json", "tsconfig.json", "vite.config.ts"]
    files += [f"src/{file.name}" for file in (WEB / "src").iterdir()]
    found = hashlib.sha256()
    for name in sorted(files):
        found.update(name.encode() + b"\0" + (WEB / name).read_bytes() + b"\0")
    return found.hexdigest()


def numbers(value):
    """All numbers of nested lists and objects, in order."""
    if isinstance(value, dict):
        value = [value[key] for key in sorted(value)]
    if isinstance(value, list):
        return [x for part in value for x in numbers(part)]
    return [value] if isinstance(value, int | float) else []


@in_a_checkout
def test_it_was_built_from_the_source_beside_it():
    assert SEAL.search(page())[1] == source_hash(), "run `npm ci && npm run build` in web/"


def test_it_loads_nothing():
    text = page()
    tags = re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*>", text)
    assert not [tag for tag in tags if re.search(r"(?:src|href)=(?!\"data:)", tag)]
    assert not re.findall(r"@import|url\(\s*[\"']?(?!data:)\w+:", text)
    assert len(text) < 200_000


@in_a_checkout
def test_golden_vectors_are_what_the_library_answers():
    spec = importlib.util.spec_from_file_location("golden", WEB / "golden.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with open(module.PATH, encoding="utf-8") as file:
        known = json.load(file)
    found = json.loads(json.dumps(module.golden()))
    np.testing.assert_allclose(numbers(found), numbers(known), rtol=1e-12, atol=1e-12)
    assert [case["similarity"] for case in found["memories"]] == [case["similarity"] for case in known["memories"]]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A copy of the checkout's web/ with its packages installed, as in CONTRIBUTING."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "explore").mkdir()
    shutil.copytree(WEB, folder / "web", ignore=shutil.ignore_patterns("node_modules", "dist"))
    for command in (["npm", "ci", "--no-audit", "--no-fund"], ["npm", "run", "build"]):
        done = subprocess.run(command, cwd=folder / "web", capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
@in_a_checkout
@with_node
def test_a_new_build_gives_the_same_page(built):
    assert (built / "explore" / "page.html").read_text(encoding="utf-8") == page()


@pytest.mark.slow
@in_a_checkout
@with_node
def test_its_arithmetic_is_the_library_s_to_twelve_digits(built):
    done = subprocess.run(
        ["npx", "vitest", "run"], cwd=built / "web", capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    worst = float(re.search(r"largest difference: (\S+)", done.stdout)[1])
    assert 0 < worst < 1e-12


@pytest.mark.slow
@in_a_checkout
@with_node
@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="Chromium is not installed")
def test_a_reader_drags_slides_draws_copies_and_asks(built):
    with Server(None) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = ["node", "test/browser.mjs", server.url]
        done = subprocess.run(command, cwd=built / "web", capture_output=True, text=True, timeout=600, check=False)
        server.shutdown()
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    print(f"first paint {found['firstPaint']:.0f} ms; a frame with 200 patterns {found['frames']}")
    assert set(found["answers"]) == {"simulate", "fixed-points", "basins", "radius"}
    assert "energy falls" in found["answers"]["simulate"] or "holds" in found["answers"]["simulate"]
    assert len(found["programs"]) == 14
    for program in found["programs"]:
        check_program(program)


def check_program(program):
    """A copied program runs, its energy falls, and it ends where the page ends."""
    done = subprocess.run(
        [sys.executable, "-c", program["text"]], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, program["text"] + done.stderr
    assert "the energy falls: True" in done.stdout
    printed = [np.fromstring(row, sep=" ") for row in re.findall(r":\s+\[([^\]]+)\]", done.stdout)]
    assert len(printed) == len(program["ends"]), done.stdout
    for ours, theirs in zip(printed, program["ends"], strict=True):
        np.testing.assert_allclose(theirs, ours, atol=2e-8)  # as many digits as a program prints
