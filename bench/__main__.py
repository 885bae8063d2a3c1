"""`python -m bench`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    if not sys.flags.safe_path:
        # `python -m` looks into the current folder first, where `models/` or `keras.py` may be the user's own.
        sys.path[0] = str(Path(__file__).parents[1])
    from bench.cli import main

    main()
