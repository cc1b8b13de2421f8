"""Counts come out as Prometheus text, without any id."""

from __future__ import annotations

from chatixia.registry.meter import Meter


def test_counts_and_gauges_come_out():
    meter = Meter()
    meter.verb("status", "ok", 0.002)
    meter.refused("ws", "bad_request")
    meter.gauge("agents", "Agents connected", lambda: 3.0)
    meter.relayed(5)
    meter.relayed(6)
    meter.relay_ended("limits")
    text = meter.text({"pending": 4}).decode()
    assert "chatixia_relay_bytes_total 11.0" in text
    assert 'chatixia_relay_ended_total{reason="limits"} 1.0' in text
    assert 'chatixia_verbs_total{code="ok",verb="status"} 1.0' in text
    assert 'chatixia_refused_total{code="bad_request",door="ws"} 1.0' in text
    assert "chatixia_agents 3.0" in text
    assert 'chatixia_tasks{state="pending"} 4.0' in text
    assert 'chatixia_verb_seconds_count{verb="status"} 1.0' in text


def test_two_meters_share_nothing():
    one, other = Meter(), Meter()
    one.verb("status", "ok", 0.1)
    assert b'verb="status"' not in other.text({})
