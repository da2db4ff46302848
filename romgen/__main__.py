"""`python -m romgen`."""

from __future__ import annotations

import sys

from romgen.cli import main

if __name__ == "__main__":
    sys.exit(main())
