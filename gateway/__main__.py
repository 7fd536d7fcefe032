"""``python -m gateway`` is the ``mogate`` command."""

from gateway.cli import main

main()
