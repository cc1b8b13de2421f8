"""What agents say over links is found nowhere at the registry: memory, files, log, packets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.harness import TestMesh
from tests.lab import leaks


@pytest.mark.root
async def test_a_marker_is_found_at_both_agents_and_nowhere_else(net: TestMesh, tmp_path: Path):
    capture = leaks.Capture(tmp_path / "packets.pcap")
    net.up()
    net.several("a", "b")
    marker = leaks.new_marker()
    async with net.client() as mesh:
        assert await mesh.agent("a").keep(other="b", data=marker) == "direct"
        packets = capture.stop()
        assert packets.stat().st_size > 10_000
        assert leaks.found_in_memory(net.registry.pid, marker) == set()
        assert leaks.found_in_files(net.procs.home, marker) == {}
        assert leaks.found_in_files(tmp_path, marker) == {}
        for name in ("a", "b"):
            assert "plain" in leaks.found_in_memory(net.workers[name].pid, marker), name
    printed = net.registry.output + "".join(w.output for w in net.workers.values())
    assert leaks.search([printed.encode()], marker) == set()


async def test_the_search_sees_what_the_queue_carries_in_clear(net: TestMesh):
    """The positive control at the registry itself: a plain task stands in its database."""
    net.up()
    net.worker("a")
    marker = leaks.new_marker()
    async with net.client() as mesh:
        task = await mesh.submit("a", "echo", {"data": marker})
        assert await task == marker
    assert leaks.found_in_files(net.procs.home, marker)
