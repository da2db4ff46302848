"""The commands, one module each: `add_parser(sub)` and `run(args) -> int`."""

from __future__ import annotations

import argparse
from typing import TypeAlias

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
