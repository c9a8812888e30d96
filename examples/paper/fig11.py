"""Figure 11 of Millidge et al. 2022. How much the threshold matters.

With the max separation an answer is right to the last bit or another image, so the curve is flat over a wide range;
images of 784 values are nearer to one another than those of 3072, and one threshold does not fit both.

    python fig11.py --quick               small digits, some seconds
    HOPFIELD_DATA=FOLDER python fig11.py  the paper's data sets; see hopfield.analysis.datasets.load
"""

from argparse import ArgumentParser

from hopfield.analysis import reproduce

if __name__ == "__main__":
    parser = ArgumentParser(description="Figure 11 of Millidge et al. 2022")
    parser.add_argument("--quick", action="store_true", help="small digits instead of the paper's data sets")
    parser.add_argument("--reading", choices=("code", "text", "fair"), help="one reading only")
    parser.add_argument("--out", default="paper", help="folder for tables, pictures and finished cells")
    options = parser.parse_args()
    readings = options.reading or ("code", "text", "fair")
    for found in reproduce(11, readings, quick=options.quick, out=options.out):
        print(found.table(), end="\n\n")
    print(f"Tables and pictures are in {options.out}/.")
