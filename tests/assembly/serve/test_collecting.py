"""Collections are rare after the start, and what that made is out of them."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc
from chatixia.assembly.serve.collecting import collect_seldom
before = gc.get_threshold()
collect_seldom()
print(gc.get_threshold()[0] // before[0] >= 10, gc.get_threshold()[1:] == before[1:])
print(gc.get_freeze_count() > 1000)
"""


def test_a_process_collects_seldom_and_keeps_its_start_out_of_it():
    shown = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    assert shown.stdout.split() == ["True", "True", "True"]
