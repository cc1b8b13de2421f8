"""``python -m chatixia.cli``: the command without its script."""

from chatixia.cli import main

main()
