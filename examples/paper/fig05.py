"""Figure 5 of Millidge et al. 2022. Heteroassociation: one half is shown, the other is to come back.

First the modern network on colour images, then the classical one on binary ones, which answers with a mixture.

    python fig05.py --quick               small digits, some seconds
    HOPFIELD_DATA=FOLDER python fig05.py  the paper's data sets; see hopfield.analysis.datasets.load
"""

from argparse import ArgumentParser

from hopfield.analysis import reproduce

if __name__ == "__main__":
    parser = ArgumentParser(description="Figure 5 of Millidge et al. 2022")
    parser.add_argument("--quick", action="store_true", help="small digits instead of the paper's data sets")
    parser.add_argument("--reading", choices=("code", "text", "fair"), help="one reading only")
    parser.add_argument("--out", default="paper", help="folder for tables, pictures and finished cells")
    options = parser.parse_args()
    readings = options.reading or ("code", "text", "fair")
    for found in reproduce(5, readings, quick=options.quick, out=options.out):
        print(found.table(), end="\n\n")
    print(f"Tables and pictures are in {options.out}/.")
