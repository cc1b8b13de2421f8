"""The small disk itself."""

import errno
import os
import pathlib

import pytest

from tests.lab.disks import fill, small_disk

pytestmark = pytest.mark.root


def test_a_full_disk_refuses_and_heals(tmp_path: pathlib.Path):
    with small_disk(tmp_path / "disk", 1 << 20) as disk:
        filler = fill(disk)
        with pytest.raises(OSError) as refused, (disk / "x").open("wb") as out:
            out.write(b"x" * 8192)
        assert refused.value.errno == errno.ENOSPC
        filler.unlink()
        (disk / "x").write_bytes(b"x" * 8192)
    assert not os.path.ismount(tmp_path / "disk")
