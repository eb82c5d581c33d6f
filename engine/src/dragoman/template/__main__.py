"""Create a plugin: ``python -m dragoman.template NAME [FOLDER]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dragoman.template import create_plugin


def main() -> None:
    """Read the arguments and create the plugin."""
    parser = argparse.ArgumentParser(prog="python -m dragoman.template", description=main.__doc__)
    parser.add_argument("name", help="the provider's kind: lower case letters, digits and hyphens")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), help="where to create it; default: here")
    given = parser.parse_args()
    try:
        created = create_plugin(given.name, given.folder)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    sys.stdout.write(f"{created}\n")


main()
