"""`python -m serkeras`: the command line."""

import sys

from serkeras.cli import main

if __name__ == "__main__":
    sys.exit(main())
