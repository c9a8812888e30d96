"""Figure 6 of Millidge et al. 2022. Auto- against heteroassociation: does it matter what a pattern recalls?

With the max separation the same pattern wins, so hardly. In the published code the classical network sees a single
cue, all ones; the fair reading gives it random patterns, for which it was made.

    python fig06.py --quick               small digits, some seconds
    HOPFIELD_DATA=FOLDER python fig06.py  the paper's data sets; see hopfield.analysis.datasets.load
"""

from argparse import ArgumentParser

from hopfield.analysis import reproduce

if __name__ == "__main__":
    parser = ArgumentParser(description="Figure 6 of Millidge et al. 2022")
    parser.add_argument("--quick", action="store_true", help="small digits instead of the paper's data sets")
    parser.add_argument("--reading", choices=("code", "text", "fair"), help="one reading only")
    parser.add_argument("--out", default="paper", help="folder for tables, pictures and finished cells")
    options = parser.parse_args()
    readings = options.reading or ("code", "text", "fair")
    for found in reproduce(6, readings, quick=options.quick, out=options.out):
        print(found.table(), end="\n\n")
    print(f"Tables and pictures are in {options.out}/.")
