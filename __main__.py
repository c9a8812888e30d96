"""`python -m hopfield` is the command `hopfield`."""

from .cli import main

if __name__ == "__main__":
    main()
