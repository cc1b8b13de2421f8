"""Bulk over one bare wrtc channel: 16 KiB messages, at most 256 KiB in the engine's buffer."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time

os.environ["WRTC_ALLOW_LOOPBACK"] = "1"

from tests.bench.rpc_wrtc import connection, description

CHUNK, TOTAL, LIMIT = 16 * 1024, 64 * 1024 * 1024, 256 * 1024


async def taking() -> None:
    pc, gathered = connection()

    def on_channel(event) -> None:
        channel, got = event.channel, 0
        channel.binary_type = "arraybuffer"

        def receive(message) -> None:
            nonlocal got
            got += len(message.data)
            if got >= TOTAL:
                channel.send(b"all")

        channel.on("message", receive)

    pc.on("datachannel", on_channel)
    await pc.set_remote_description(description("offer", json.loads(sys.stdin.readline())))
    await pc.set_local_description(await pc.create_answer())
    await gathered.wait()
    print(json.dumps(pc.local_description.sdp), flush=True)
    await asyncio.Future()


async def giving() -> None:
    far = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bulk_wrtc", "take"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    pc, gathered = connection()
    channel = pc.create_data_channel("bulk")
    opened, low, done = asyncio.Event(), asyncio.Event(), asyncio.Event()
    channel.on("open", lambda _: opened.set())
    channel.on("bufferedamountlow", lambda _: low.set())
    channel.on("message", lambda _: done.set())
    channel.buffered_amount_low_threshold = LIMIT // 4
    await pc.set_local_description(await pc.create_offer())
    await gathered.wait()
    far.stdin.write(json.dumps(pc.local_description.sdp) + "\n")
    far.stdin.flush()
    answer = json.loads(await asyncio.to_thread(far.stdout.readline))
    await pc.set_remote_description(description("answer", answer))
    await asyncio.wait_for(opened.wait(), 5)
    start, chunk = time.perf_counter(), bytes(CHUNK)
    for n in range(TOTAL // CHUNK):
        if n % 4 == 0:
            while channel.buffered_amount > LIMIT:
                low.clear()
                await low.wait()
        channel.send(chunk)
    await done.wait()
    print(json.dumps({"mb_s": TOTAL / 1e6 / (time.perf_counter() - start)}))
    far.kill()


asyncio.run(taking() if "take" in sys.argv else giving())
