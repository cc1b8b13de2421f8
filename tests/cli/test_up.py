"""`up` says what came up, in the shapes of the transcript, and ends cleanly."""

import json
import os
import signal
import subprocess
import sys

import pytest

from chatixia.assembly.serve.up import StartReport
from chatixia.cli import output
from chatixia.cli.up import lines, up

LOCAL = ["http://127.0.0.1:8080"]
LAN = ["http://127.0.0.1:8080", "https://192.168.1.20:8443", "https://laptop.local:8443"]


def started(urls, made=False, stun=3478):
    return StartReport("/home/ada/data/home", made, urls, "5be4-0c1d", stun, 1, "m", 8080)


def test_the_first_time():
    rows = {label: (text, note) for label, text, note in lines(started(LOCAL, True, 0), False)}
    assert list(rows) == ["made", "registry", "hub", "next"]
    assert rows["registry"] == (LOCAL[0], "this machine only (other machines: chatixia up --lan)")


def test_on_the_local_network():
    rows = lines(started(LAN), False)
    assert rows[:2] == [
        ("registry", ", ".join(LAN[1:]), "own certificate, key 5be4-0c1d"),
        ("stun", "udp 3478", ""),
    ]


def test_for_everybody():
    rows = lines(started([LOCAL[0], "https://203.0.113.7:8443"]), True)
    assert ("needs", "open in the firewall: tcp 8443, udp 3478", "") in rows


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_process_that_is_told_to_stop_ends_with_0(home, sent):
    command = [sys.executable, "-m", "chatixia.cli", "up", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as up:
        said = json.loads(up.stdout.readline())
        assert (said["kind"], said["made"]) == ("up", True)
        assert said["addresses"][0].startswith("http://127.0.0.1:")
        up.send_signal(sent)
        assert up.wait(20) == 0


def test_a_taken_port_is_one_sentence(registry, type_, tmp_path, monkeypatch):
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "other"))
    done = type_("up", "--port", registry.url.rpartition(":")[2])
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "in use" in done.err


def test_a_second_start_names_the_first(registry, type_):
    done = type_("up")
    assert done.code == 2
    assert str(registry.process.pid) in done.err


@pytest.mark.parametrize(("words", "port"), [([], 3000), (["--port", "0"], 0)])
def test_the_environment_may_name_the_port(monkeypatch, words, port):
    monkeypatch.setenv("PORT", "3000")
    assert up.make_context("up", words).params["port"] == port


def test_the_next_lines_name_the_mesh():
    text = output.rows(lines(started(LOCAL, made=True), False, "second"))
    for command in (
        "chatixia run weather --mesh second",
        "`chatixia hub --mesh second`",
        "chatixia up --lan --mesh second",
    ):
        assert command in text
