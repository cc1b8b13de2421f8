"""Replies and receipts are plain values."""

import msgspec

from chatixia.client.reply import Receipt, Reply


def test_a_reply_is_json_too():
    reply = Reply({"a": 1}, "direct", 1.5, "weather")
    assert msgspec.json.encode(reply) == (
        b'{"value":{"a":1},"via":"direct","ms":1.5,"agent":"weather","link_ms":null,"where":"",'
        b'"why":"","tried_ms":null}'
    )


def test_a_receipt_says_only_what_there_is():
    assert msgspec.json.encode(Receipt("a", True)) == b'{"agent":"a","ok":true}'
