"""The hub's built page; its source is ``web/``, and nobody needs Node to run or install it.

``web/build.mjs`` writes the files and ``source.sha256``, which a test compares with the source.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "static"
"""What the registry serves: ``index.html`` and the files beside it."""
