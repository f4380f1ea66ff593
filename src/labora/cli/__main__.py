"""``python -m labora.cli``."""

from labora.cli import main

main()
