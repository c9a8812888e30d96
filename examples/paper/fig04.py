"""Figure 4 of Millidge et al. 2022. Robustness by similarity: noise on the left, a mask on the right.

Cosine and the true divergences stand beside the paper's six in the fair reading.

    python fig04.py --quick               small digits, some seconds
    HOPFIELD_DATA=FOLDER python fig04.py  the paper's data sets; see hopfield.analysis.datasets.load
"""

from argparse import ArgumentParser

from hopfield.analysis import reproduce

if __name__ == "__main__":
    parser = ArgumentParser(description="Figure 4 of Millidge et al. 2022")
    parser.add_argument("--quick", action="store_true", help="small digits instead of the paper's data sets")
    parser.add_argument("--reading", choices=("code", "text", "fair"), help="one reading only")
    parser.add_argument("--out", default="paper", help="folder for tables, pictures and finished cells")
    options = parser.parse_args()
    readings = options.reading or ("code", "text", "fair")
    for found in reproduce(4, readings, quick=options.quick, out=options.out):
        print(found.table(), end="\n\n")
    print(f"Tables and pictures are in {options.out}/.")
