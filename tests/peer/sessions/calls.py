"""A skill that gives back what came, and a call of it."""

from chatixia.core.ports import Outgoing


async def echo(incoming, responder):
    responder.reply(bytes(incoming.body))


def ask(**kw):
    return Outgoing("b", "echo", b"1", **kw)
