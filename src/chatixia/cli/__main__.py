"""``python -m chatixia.cli``: the command without its script."""

from . import main

main()
