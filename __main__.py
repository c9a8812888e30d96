"""`python -m hopfield` is the command `hopfield`."""

from .cli import main

main()
