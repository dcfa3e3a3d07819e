"""`python -m a13`."""

from a13.apps.cli import main

main()
