"""What the figures of the bench are meant to be: ratios of two of them, and single ones."""

from __future__ import annotations

RATIOS = (
    # name, above, below, what is wanted
    ("call p50 / yardstick's", "call.p50_ms", "engine.p50_ms", "<= 1.2"),
    ("call p50 / NATS's", "call.p50_ms", "nats.p50_ms", "< 1"),
    ("calls/s with 32 in flight / NATS's", "call.per_s_32", "nats.per_s_32", ">= 1.25"),
    ("CPU of a call / yardstick's", "call.cpu_us", "engine.cpu_us", "<= 1.4"),
    ("HTTP's p50 / call p50", "http.p50_ms", "call.p50_ms", ""),
    ("relay p50 / NATS's", "relay.p50_ms", "nats.p50_ms", "<= 1.8"),
    ("relayed calls/s with 32 in flight / NATS's", "relay.per_s_32", "nats.per_s_32", ">= 1.2"),
    ("sidecar p50 / yardstick's", "sidecar.p50_ms", "engine.p50_ms", "<= 1.8, 2.2 on asyncio"),
    (
        "its calls/s with 32 in flight / yardstick's",
        "sidecar.per_s_32",
        "engine.per_s_32",
        ">= 0.40",
    ),
    ("its calls/s with 128 in flight / same", "sidecar.per_s_128", "engine.per_s_32", ">= 0.85"),
    ("Node's p50 / yardstick's", "node.p50_ms", "engine.p50_ms", "<= 2.3"),
    ("bulk / engine's", "bulk.mb_s", "engine.bulk_mb_s", ""),
    ("artifact / engine's", "artifact.mb_s", "engine.bulk_mb_s", ">= 0.8"),
    ("loss: artifact / TCP's", "loss.1pct_50ms.mb_s", "loss.1pct_50ms.tcp_mb_s", ""),
)
GOALS = {
    "link.open_p50_ms": "< 20",
    "link.open_max_ms": "<= 100",
    "link.idle_ms_per_s": "<= 0.2",
    "tasks.cycles_per_s_64": ">= 2000",
    "relay.open_ms": "<= 20",
    "relay.mb_s": ">= 50",
    "relay.bystander_p99_ratio": "<= 2",
    "call_under_bulk.ratio_p99": "<= 3",
    "mesh50.open_s": "<= 25",
    "broadcast500.s": "<= 2",
    "ask.overhead_ratio": "<= 1.3",
    "ask.token_lag_ms": "<= 10",
    "ask.bystander_p99_ms": "< 20",
    "mcp.call_p50_ratio": "<= 1.25",
    "people.page_max_ms": "< 50",
    "people.login_turn_ms": "< 50",
    "agent.rss_mb": "< 60",
    "agent.private_mb": "<= 32",
    "sidecar.cpu_us": "<= 100",
    "sidecar.mb": "<= 30",
    "cli.help_ms": "< 150",
    "import_ms": "< 100",
}
