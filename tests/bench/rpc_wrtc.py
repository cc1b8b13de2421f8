"""The yardstick: typed request-reply over one wrtc DataChannel between two processes, and no more.

    python -m tests.bench.rpc_wrtc [--coalesce] [--uvloop]

`--coalesce` sends all messages of one event-loop turn as one frame.
"""

import asyncio
import json
import os
import subprocess
import sys

os.environ["WRTC_ALLOW_LOOPBACK"] = "1"
import msgspec
import webrtc

from tests.bench.measure import PAYLOAD, measure, say

COALESCE = "--coalesce" in sys.argv


class Message(msgspec.Struct, omit_defaults=True):
    type: str
    request_id: str = ""
    source_agent: str = ""
    target_agent: str = ""
    payload: msgspec.Raw = msgspec.Raw(b"null")


encode = msgspec.json.Encoder().encode
decode_one = msgspec.json.Decoder(Message).decode
decode_many = msgspec.json.Decoder(list[Message]).decode


class Wire:
    def __init__(self, channel, on_message):
        self.channel, self.on_message, self.outbox = channel, on_message, []
        self.loop = asyncio.get_running_loop()
        channel.binary_type = "arraybuffer"
        channel.on("message", self.receive)

    def receive(self, event):
        if COALESCE and bytes(event.data[:1]) == b"[":
            for message in decode_many(event.data):
                self.on_message(message)
        else:
            self.on_message(decode_one(event.data))

    def send(self, message):
        if not COALESCE:
            self.channel.send(encode(message))
            return
        if not self.outbox:
            self.loop.call_soon(self.flush)
        self.outbox.append(message)

    def flush(self):
        messages, self.outbox = self.outbox, []
        self.channel.send(encode(messages[0] if len(messages) == 1 else messages))


def connection():
    pc = webrtc.RTCPeerConnection(webrtc.RTCConfiguration())
    gathered = asyncio.Event()
    pc.on(
        "icegatheringstatechange", lambda _: pc.ice_gathering_state == "complete" and gathered.set()
    )
    return pc, gathered


def description(kind, sdp):
    return webrtc.RTCSessionDescriptionInit(type=kind, sdp=sdp)


async def echo_side():
    pc, gathered = connection()

    def on_channel(event):
        def answer(m):
            wire.send(
                Message("task_response", m.request_id, m.target_agent, m.source_agent, m.payload)
            )

        wire = Wire(event.channel, answer)

    pc.on("datachannel", on_channel)
    await pc.set_remote_description(description("offer", json.loads(sys.stdin.readline())))
    await pc.set_local_description(await pc.create_answer())
    await gathered.wait()
    print(json.dumps(pc.local_description.sdp), flush=True)
    await asyncio.Future()


async def asking_side():
    loop = asyncio.get_running_loop()
    echo = subprocess.Popen(
        [sys.executable, *sys.argv, "echo"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    pc, gathered = connection()
    channel = pc.create_data_channel("mesh")
    opened = asyncio.Event()
    channel.on("open", lambda _: opened.set())
    await pc.set_local_description(await pc.create_offer())
    await gathered.wait()
    echo.stdin.write(json.dumps(pc.local_description.sdp) + "\n")
    echo.stdin.flush()
    await pc.set_remote_description(
        description("answer", json.loads(await loop.run_in_executor(None, echo.stdout.readline)))
    )
    await asyncio.wait_for(opened.wait(), 5)

    waiting, count = {}, 0
    wire = Wire(channel, lambda m: waiting.pop(m.request_id).set_result(m))
    payload = msgspec.Raw(encode({"p": PAYLOAD}))

    async def call():
        nonlocal count
        count += 1
        waiting[rid := f"{count:x}"] = reply = loop.create_future()
        wire.send(Message("task_request", rid, "agent-a", "agent-b", payload))
        return await reply

    say(await measure(call, echo.pid))
    echo.kill()


def main():
    return echo_side() if "echo" in sys.argv else asking_side()


if __name__ == "__main__" and "--uvloop" in sys.argv:
    import uvloop

    uvloop.run(main())
elif __name__ == "__main__":
    asyncio.run(main())
