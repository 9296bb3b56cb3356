"""`python -m jaxiom` is the command `jaxiom`."""

import sys

from jaxiom.cli import main

if __name__ == "__main__":
    sys.exit(main())
