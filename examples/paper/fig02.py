"""Figure 2 of Millidge et al. 2022. Capacity by similarity: which images come back, the more are stored?

The published code adds folded noise of standard deviation 0.5; the caption names noise of variance 0.5 and a mask.
The order of the curves changes with that more than with the similarity.

    python fig02.py --quick               small digits, some seconds
    HOPFIELD_DATA=FOLDER python fig02.py  the paper's data sets; see hopfield.analysis.datasets.load
"""

from argparse import ArgumentParser

from hopfield.analysis import reproduce

if __name__ == "__main__":
    parser = ArgumentParser(description="Figure 2 of Millidge et al. 2022")
    parser.add_argument("--quick", action="store_true", help="small digits instead of the paper's data sets")
    parser.add_argument("--reading", choices=("code", "text", "fair"), help="one reading only")
    parser.add_argument("--out", default="paper", help="folder for tables, pictures and finished cells")
    options = parser.parse_args()
    readings = options.reading or ("code", "text", "fair")
    for found in reproduce(2, readings, quick=options.quick, out=options.out):
        print(found.table(), end="\n\n")
    print(f"Tables and pictures are in {options.out}/.")
