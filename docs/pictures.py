"""Draw the pictures in docs/images again, with the commands and examples that made them.

    python docs/pictures.py                                      those of the README
    HOPFIELD_DATA=FOLDER python docs/pictures.py --cells CELLS   those of docs/paper.md too, some minutes

The paper's pictures need MNIST and CIFAR-10 (3 sets of images each); finished cells are kept in CELLS, and a run that
was interrupted goes on from there. Look at every picture at its own size before it is committed.
"""

import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from hopfield import Relaxation, UniversalHopfield, simulate
from hopfield.analysis import animate, plot_readings, reproduce

HERE = Path(__file__).resolve().parent
IMAGES, EXAMPLES = HERE / "images", HERE.parent / "examples" / "analysis"
WIDTH = 1100  # pixels of a picture that is drawn larger
RUNS = 3
FORMED = 3  # the digit that the moving picture shows


def shrunk(source: Path, name: str) -> None:
    """A picture in the width that a page shows."""
    with Image.open(source) as picture:
        height = round(picture.height * WIDTH / picture.width)
        picture.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS).save(IMAGES / name, optimize=True)


def of_the_readme(folder: Path) -> None:
    """recall.png of the demonstration; basins.png and bifurcation.png of the examples."""
    run = "from hopfield.cli import main; main()"
    subprocess.run([sys.executable, "-c", run, "demo", "--out", str(folder / "demo")], check=True)
    (folder / "demo" / "recall.png").replace(IMAGES / "recall.png")
    for example, name in (("basins_in_a_plane.py", "basins.png"), ("bifurcation.py", "bifurcation.png")):
        subprocess.run([sys.executable, str(EXAMPLES / example), "--out", str(folder / name)], check=True)
        shrunk(folder / name, name)


def of_a_digit_that_forms() -> None:
    """forming.gif and forming-dark.gif: one of a hundred digits comes out of noise while its energy falls."""
    digits = load_digits().data[:100] / 16
    cue = digits[FORMED] + 0.55 * np.random.default_rng(1).standard_normal(64)
    run = simulate(UniversalHopfield(digits, "euclidean", beta=1.5), cue, t1=2.5, integrator=Relaxation(0.02))
    for name, dark in (("forming.gif", False), ("forming-dark.gif", True)):
        animate(run, IMAGES / name, shape=(8, 8), dark=dark)


def of_the_paper(cells: Path) -> None:
    """Readings of figure 2 on CIFAR-10; figures 4, 10 and 14 in one reading each."""
    readings = reproduce("fig2", data="cifar10", runs=RUNS, out=cells)
    plot_readings(readings).savefig(IMAGES / "paper_readings.png")
    for figure, reading, name in (
        ("fig4", "fair", "paper_robustness.png"),
        ("fig10", "text", "paper_softmax.png"),
        ("fig14", "fair", "paper_masks.png"),
    ):
        (found,) = reproduce(figure, reading, runs=RUNS, out=cells)
        (drawn,) = found.plot()
        drawn.savefig(IMAGES / name)


if __name__ == "__main__":
    parser = ArgumentParser(description="Draw the pictures in docs/images again")
    parser.add_argument("--cells", type=Path, help="folder for finished cells: the paper's pictures too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        of_the_readme(Path(folder))
    of_a_digit_that_forms()
    if options.cells is not None:
        of_the_paper(options.cells)
    print(f"The pictures are in {IMAGES}.")
