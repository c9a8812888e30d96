"""What is shipped, and which module may import which."""

import ast
import configparser
import functools
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path
from typing import TypeGuard

import networkx
import pytest

import hopfield
import hopfield.data
from helpers import files_below

ROOT = Path(__file__).resolve().parents[1]
NOT_PACKAGES = {"tests", "examples", "benchmarks", "docs", "build", "dist", "venv", "web"}
TEXT = {".cff", ".cfg", ".in", ".json", ".md", ".py", ".toml", ".txt", ".yaml", ".yml"}
BACKENDS = {
    "diffrax",
    "equinox",
    "jax",
    "jaxlib",
    "lineax",
    "numba",
    "optimistix",
    "torch",
    "torchdiffeq",
}
MAY_IMPORT_BACKENDS = {
    "analysis/experiments/language/_model.py",
    "analysis/experiments/language/_training.py",
    "layers/equinox/_attention.py",
    "layers/equinox/_stored.py",
    "layers/torch/_attention.py",
    "layers/torch/_masks.py",
    "layers/torch/_nested.py",
    "layers/torch/_replaced.py",
    "layers/torch/_stored.py",
    "dynamics/integrators/_elimination.py",
    "dynamics/kernels/_loops.py",
    "dynamics/kernels/_signs.py",
    "dynamics/kernels/_tiles.py",
}
MAX_LINES = 400
# What lies at the root; whatever else appears there was written by accident, or belongs into this list.
ROOT_FILES = {
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "LICENSE",
    "MANIFEST.in",
    "README.md",
    "__init__.py",
    "__main__.py",
    "_moved.py",
    "cli.py",
    "constraints.txt",
    "py.typed",
    "pyproject.toml",
    "pyrightconfig.json",
    "ruff.toml",
    "setup.cfg",
}
ROOT_FOLDERS = {
    "analysis",
    "benchmarks",
    "commands",
    "data",
    "docs",
    "dynamics",
    "examples",
    "explore",
    "layers",
    "models",
    "tests",
    "web",
}
ROOT_HIDDEN = {".ci", ".gitignore", ".pre-commit-config.yaml"}

# A module imports its own layer and those below it; "" is the root __init__.py.
LAYERS = {
    "_moved": 0,
    "dynamics": 1,
    "models": 2,
    "data": 3,
    "layers": 4,
    "analysis": 5,
    "": 6,
    "explore": 6,
    "commands": 7,
    "cli": 8,
    "__main__": 9,
}
# And so does a room: rooms of one rank do not know each other.
ROOMS = {
    "dynamics": [
        {"backend"},
        {"kernels"},
        {"doors"},
        {"files"},
        {"lagrangians"},
        {"synapses"},
        {"network"},
        {"inputs"},
        {"integrators"},
        {"simulation"},
    ],
    "layers": [{"attention"}, {"equinox", "torch"}, {"learning"}],
    "analysis": [
        {"results"},
        {"flow"},
        {"energy"},
        {"fixed_points"},
        {"basins"},
        {"landscapes", "branches"},
        {"recall"},
        {"plots"},
        {"experiments"},
    ],
}


def _setup() -> configparser.ConfigParser:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    return setup


def _packages() -> list[str]:
    return _setup()["options"]["packages"].split()


def _folder(package: str) -> Path:
    return ROOT.joinpath(*package.split(".")[1:])


def _modules() -> list[str]:
    """Return every module of the listed packages as a path below the root."""
    files = [f for package in _packages() for f in sorted(_folder(package).glob("*.py"))]
    return [f.relative_to(ROOT).as_posix() for f in files]


def _is_clutter(path: Path) -> bool:
    """Tell whether a folder is a tool's: a build, a cache, an environment, a demo's output."""
    return (
        (path.name.startswith(".") and path.name != ".ci")
        or path.name in {"build", "dist", "__pycache__", "hopfield-demo", "node_modules"}
        or path.name.endswith(".egg-info")
        or (path / "pyvenv.cfg").exists()
    )


def _walk(folder: Path):
    for path in sorted(folder.iterdir()):
        if path.is_file():
            yield path
        elif path.is_dir() and not _is_clutter(path):
            yield from _walk(path)


# --- what is listed, and what is there


def test_packages_in_setup_cfg_are_the_folders_with_code():
    folders = {("hopfield", *f.relative_to(ROOT).parent.parts) for f in _walk(ROOT) if f.suffix == ".py"}
    packages = {".".join(f) for f in folders if len(f) == 1 or f[1] not in NOT_PACKAGES}
    assert set(_packages()) == packages


def test_a_package_has_an_init():
    for package in _packages():
        assert (_folder(package) / "__init__.py").is_file()


def test_the_root_holds_what_is_listed_here():
    """As git tracks it; where there is no git (an sdist, a copy), as it lies there."""
    git = ["git", "-C", str(ROOT), "ls-files", "-z"]
    listed = subprocess.run(git, capture_output=True, text=True, check=False).stdout if shutil.which("git") else ""
    # Git, asked in a copy without a .git of its own, may answer for a repository that the copy lies in.
    if (ROOT / ".git").exists() and listed:
        found = {path.split("/")[0] for path in listed.split("\0") if path and (ROOT / path).exists()}
        assert found == ROOT_FILES | ROOT_FOLDERS | ROOT_HIDDEN
        return
    found = {path.split("/")[0] for path in files_below(ROOT)} - ROOT_HIDDEN
    made_by_setuptools = {"PKG-INFO"}
    assert found - made_by_setuptools == ROOT_FILES | ROOT_FOLDERS


def test_a_file_that_is_left_behind_is_seen(tmp_path):
    """The end of every test run compares such lists (conftest.py)."""
    (tmp_path / "tests" / "__pycache__").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / "hopfield-demo").mkdir()  # README's first command writes it
    before = files_below(tmp_path)
    for name in ("--help.png", "tests/run.npz", "tests/__pycache__/a.pyc", ".git/index", "hopfield-demo/a", ".x.part"):
        (tmp_path / name).touch()
    assert files_below(tmp_path) - before == {"--help.png", "tests/run.npz", ".x.part"}


def test_tests_and_examples_are_no_packages():
    inits = [f for top in ("tests", "examples") for f in (ROOT / top).rglob("__init__.py")]
    assert inits == []


def test_version_is_the_same_everywhere():
    version = _setup()["metadata"]["version"]
    assert importlib.metadata.version("hopfield") == version
    assert hopfield.__version__ == version
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


# --- what is being tested


def _is_editable() -> bool:
    # An egg-info folder in the checkout may be found as well: it says nothing of where it is from.
    found = importlib.metadata.distributions(name="hopfield")
    origins = [json.loads(d.read_text("direct_url.json") or "{}") for d in found]
    return any(origin.get("dir_info", {}).get("editable", False) for origin in origins)


def test_the_tested_package_is_the_installed_one():
    folder = Path(hopfield.__file__).resolve().parent
    if _is_editable():
        assert folder == ROOT or ROOT / "build" in folder.parents
    else:
        assert folder != ROOT, "this is the checkout, not what pip installed: see CONTRIBUTING.md"


def test_the_installed_package_is_this_checkout():
    installed = Path(hopfield.__file__).resolve().parent
    stale = [
        name
        for name in _modules()
        if not (installed / name).is_file() or (installed / name).read_bytes() != (ROOT / name).read_bytes()
    ]
    if not _is_editable():
        there = {f.relative_to(installed).as_posix() for f in installed.rglob("*.py")}
        stale += sorted(there - set(_modules()))
    assert stale == [], "the install is out of date: rm -rf build *.egg-info; pip install ."


def test_conftest_imports_the_installed_package_first():
    """In a checkout called `hopfield`, pytest would else import the root as that, before a test."""
    path = "tests/conftest.py"
    statements = _imports(ast.parse(_source(path)), run_on_import=True)
    names = [target for s in statements for target in _targets(s, path)]
    assert any(name.split(".")[0] == "hopfield" for name in names)


# --- the layers


def _is_type_checking(node: ast.AST) -> TypeGuard[ast.If]:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def _imports(node: ast.AST, *, run_on_import: bool):
    """Yield the import statements below `node`: all, or those which importing the module runs."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif not run_on_import:
            yield from _imports(child, run_on_import=False)
        elif _is_type_checking(child):
            for other in child.orelse:
                yield from _imports(ast.Module([other], []), run_on_import=True)
        elif not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _imports(child, run_on_import=True)


def _targets(statement: ast.Import | ast.ImportFrom, path: str) -> list[str]:
    """Return the absolute names that an import statement in the module at `path` refers to."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    base = statement.module or ""
    if statement.level:
        package = ["hopfield", *Path(path).parent.parts]
        above = package[: len(package) - statement.level + 1]
        base = ".".join([*above, base] if base else above)
    return [f"{base}.{alias.name}" for alias in statement.names]


def _layer(path: str) -> str:
    parts = Path(path).with_suffix("").parts
    return "" if parts == ("__init__",) else parts[0]


def _layer_of_target(target: str) -> str:
    """Return the layer that holds a name below `hopfield`; a name in none is the root's own."""
    name = target.split(".")[1]
    return name if name in LAYERS else ""


@functools.cache
def _all_imports(source: str) -> tuple[ast.Import | ast.ImportFrom, ...]:
    return tuple(_imports(ast.parse(source), run_on_import=False))


def _upward(source: str, path: str) -> list[str]:
    found = []
    for statement in _all_imports(source):
        for target in _targets(statement, path):
            if target == "hopfield":
                target = "hopfield."
            if not target.startswith("hopfield."):
                continue
            if LAYERS[_layer_of_target(target)] > LAYERS[_layer(path)]:
                found.append(f"{path}:{statement.lineno} imports {target}")
    return found


def _wrong_way(source: str, path: str) -> list[str]:
    found = []
    for statement in _all_imports(source):
        relative = isinstance(statement, ast.ImportFrom) and statement.level > 0
        own = any(t.split(".")[0] == "hopfield" for t in _targets(statement, path))
        if own and relative == (path == "__init__.py"):
            found.append(f"{path}:{statement.lineno}")
    return found


def _backends_at_import(source: str, path: str) -> list[str]:
    return [
        f"{path}:{statement.lineno} imports {target}"
        for statement in _imports(ast.parse(source), run_on_import=True)
        for target in _targets(statement, path)
        if target.split(".")[0] in BACKENDS
    ]


@functools.cache
def _source(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_imports_run_downwards():
    """Downwards in the order of LAYERS; imports inside functions are included."""
    assert [wrong for path in _modules() for wrong in _upward(_source(path), path)] == []


def _room(parts: list[str]) -> tuple[int, str] | None:
    """The rank and the name of the room that a name below `hopfield` lies in."""
    for rank, names in enumerate(ROOMS.get(parts[0], []) if len(parts) > 1 else []):
        if parts[1] in names:
            return rank, parts[1]
    return None


def _later_rooms(source: str, path: str) -> list[str]:
    here = list(Path(path).with_suffix("").parts)
    found = []
    for statement in _all_imports(source):
        for target in _targets(statement, path):
            there = target.split(".")[1:] if target.startswith("hopfield.") else []
            own, other = _room(here), _room(there) if there else None
            if own and other and here[0] == there[0] and own[1] != other[1] and other[0] >= own[0]:
                found.append(f"{path}:{statement.lineno} imports {target}")
    return found


def test_rooms_know_those_before_them():
    """Late imports and those for a type checker are counted."""
    assert [wrong for path in _modules() for wrong in _later_rooms(_source(path), path)] == []


def test_modules_import_one_another_in_no_circle():
    names = {".".join(["hopfield", *Path(path).with_suffix("").parts]).removesuffix(".__init__") for path in _modules()}
    graph = networkx.DiGraph()
    for path in _modules():
        here = ".".join(["hopfield", *Path(path).with_suffix("").parts]).removesuffix(".__init__")
        for statement in _all_imports(_source(path)):
            for target in _targets(statement, path):
                there = target if target in names else target.rpartition(".")[0]
                if there in names and there != here and not (here == "hopfield" or there == "hopfield"):
                    graph.add_edge(here, there)
    assert [sorted(ring) for ring in networkx.strongly_connected_components(graph) if len(ring) > 1] == []


def test_a_module_of_0_1_0_is_found_by_its_old_path_with_a_warning():
    with pytest.warns(DeprecationWarning, match=r"hopfield.analysis.datasets is private and has moved.*hopfield.data"):
        old = importlib.import_module("hopfield.analysis.datasets")
    assert old.load is hopfield.data.load
    with pytest.warns(DeprecationWarning, match=r"hopfield.dynamics.contracts is private"):
        contracts = importlib.import_module("hopfield.dynamics.contracts")
    assert (contracts.Lagrangian, contracts.Synapse) == (hopfield.dynamics.Lagrangian, hopfield.dynamics.Synapse)
    with pytest.raises(ImportError, match="nothing"):
        exec("from hopfield.analysis.datasets import nothing")


def test_imports_are_absolute_in_the_root_and_relative_below():
    assert [wrong for path in _modules() for wrong in _wrong_way(_source(path), path)] == []


def test_optional_backends_are_imported_late():
    late = [path for path in _modules() if path not in MAY_IMPORT_BACKENDS]
    assert [wrong for path in late for wrong in _backends_at_import(_source(path), path)] == []


@pytest.mark.parametrize(
    ("path", "source", "count"),
    [
        ("dynamics/a.py", "from ..models import X", 1),
        ("dynamics/a.py", "from .. import models, analysis", 2),
        ("dynamics/a.py", "def f():\n    from ..models.b import X", 1),
        ("dynamics/integrators/a.py", "from ...cli import main", 1),
        ("dynamics/integrators/a.py", "from ..network import Network\nfrom . import euler", 0),
        ("dynamics/a.py", "import hopfield", 1),
        ("dynamics/a.py", "from .. import __version__", 1),
        ("models/a.py", "from ..dynamics import X\nfrom .b import Y", 0),
        ("layers/a.py", "from ..data import X\nfrom ..analysis import Y", 1),
        ("analysis/a.py", "from ..cli import main", 1),
        ("analysis/a.py", "from ..commands.app import app", 1),
        ("commands/a.py", "from .. import __version__, analysis\nfrom .app import command", 0),
        ("commands/a.py", "from ..cli import main", 1),
        ("cli.py", "from . import __version__, analysis\nfrom .models import X", 0),
        ("__init__.py", "from hopfield.models import X", 0),
        ("__init__.py", "from hopfield.cli import main", 1),
    ],
)
def test_the_check_of_the_arrows(path, source, count):
    assert len(_upward(source, path)) == count


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("import jax.numpy as jnp", 1),
        ("try:\n    import torch\nexcept ImportError:\n    torch = None", 1),
        ("class A:\n    from diffrax import Tsit5", 1),
        ("def f():\n    import jax", 0),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import jax", 0),
        ("import typing\nif typing.TYPE_CHECKING:\n    pass\nelse:\n    import jax", 1),
        ("from .torch import X\nfrom . import jax", 0),
    ],
)
def test_the_check_of_late_imports(source, count):
    assert len(_backends_at_import(source, "models/a.py")) == count


def test_a_module_is_short():
    lengths = {path: len(_source(path).splitlines()) for path in _modules()}
    assert len(lengths) > 300
    assert {path: length for path, length in lengths.items() if length > MAX_LINES} == {}


def test_no_file_points_out_of_the_project():
    outside = "../" + "shared"
    names = [
        f.relative_to(ROOT).as_posix()
        for f in _walk(ROOT)
        if (f.suffix in TEXT or f.parent.name == ".ci") and outside in f.read_text(encoding="utf-8", errors="replace")
    ]
    assert names == []


# --- the distributions


def _run(*command, cwd: Path) -> str:
    env = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PYTEST_ADDOPTS"}}
    done = subprocess.run(
        [str(c) for c in command],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """Build the sdist, and the wheel from it, from a copy of the checkout: (sdist, wheel)."""
    folder = tmp_path_factory.mktemp("distributions")
    copy = folder / "checkout"

    def ignore(parent, names):
        return [n for n in names if n == ".git" or _is_clutter(Path(parent, n))]

    shutil.copytree(ROOT, copy, ignore=ignore)
    # Leftovers of other builds, which must not be shipped.
    for leftover in ("build/lib/hopfield/deleted.py", "models/__pycache__/deleted.cpython-311.pyc"):
        (copy / leftover).parent.mkdir(parents=True, exist_ok=True)
        (copy / leftover).write_text("")
    _run(sys.executable, "-m", "build", "--outdir", folder / "dist", copy, cwd=folder)
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    (wheel,) = (folder / "dist").glob("*.whl")
    return sdist, wheel


@pytest.mark.slow
def test_the_sdist_holds_the_project(distributions):
    with tarfile.open(distributions[0]) as archive:
        names = {m.name.split("/", 1)[1] for m in archive.getmembers() if m.isfile()}
    tops = [ROOT / top for top in ("tests", "examples", "benchmarks")]
    below = [f.relative_to(ROOT).as_posix() for top in tops for f in _walk(top)]
    wanted = {*_modules(), *below, "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff"}
    wanted |= {"CONTRIBUTING.md", "constraints.txt", "ruff.toml", "pyrightconfig.json", "py.typed"}
    wanted |= {"setup.cfg", "pyproject.toml"}
    assert sorted(wanted - names) == []
    assert [n for n in names if "deleted" in n or n.endswith(".pyc")] == []


@pytest.mark.slow
def test_the_wheel_holds_the_packages_alone(distributions):
    with zipfile.ZipFile(distributions[1]) as archive:
        names = {n for n in archive.namelist() if ".dist-info/" not in n}
    assert names == {f"hopfield/{path}" for path in [*_modules(), "py.typed", "explore/page.html"]}


@pytest.mark.slow
def test_defect_10_the_wheel_works_without_the_optional_backends(distributions, tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    scripts = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    pins = ["-c", ROOT / "constraints.txt"]
    _run(python, "-m", "pip", "install", *pins, distributions[1], cwd=tmp_path)
    absent = f"import importlib.util as u; assert not any(map(u.find_spec, {sorted(BACKENDS)}))"
    _run(python, "-c", absent, cwd=tmp_path)
    _run(python, "-W", "error", "-c", "import hopfield.cli", cwd=tmp_path)
    _run(scripts / "hopfield", "demo", "--out", tmp_path / "out", cwd=tmp_path)
    assert any((tmp_path / "out").iterdir())
