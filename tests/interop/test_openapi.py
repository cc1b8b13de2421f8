"""Our description of the REST API, judged by a stranger's tool: every operation is called with
what the description allows and with what it forbids, and every answer must be one it names."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chatixia.assembly.remote.rest import RegistryClient
from chatixia.testing.registry import RegistryProcess
from chatixia.wire.registry import KeyCreate, Nothing
from chatixia.wire.verbs import TABLE

TOOL = Path(sys.executable).with_name("schemathesis")
# The tool cannot know who may do what: 403 for a well-formed call is right here.
NOT_ASKED = {"owner": "positive_data_acceptance,ignored_auth"}
# And it drops the header of one scheme while the key of another stays.
NOT_ASKED["key"] = NOT_ASKED["owner"] + ",missing_required_header"


def credential(registry: RegistryProcess, kind: str) -> str:
    """A header that proves the owner, or an API key."""
    with RegistryClient.owner(registry.profile) as rest:
        if kind == "key":
            return f"X-API-Key: {rest.call('keys.create', KeyCreate('stranger')).key}"
        rest.call("status", Nothing())
        return f"Authorization: Bearer {rest._token}"


@pytest.mark.parametrize("kind", ["owner", "key"])
async def test_every_operation_answers_as_described(tmp_path: Path, kind: str):
    async with RegistryProcess(tmp_path / "home", token_ttl=3600) as registry:
        header = await asyncio.to_thread(credential, registry, kind)
        # Waiting is what it does with most numbers there; test_following.py has their answers.
        (tmp_path / "schemathesis.toml").write_text('[parameters]\n"query.wait" = 0\n')
        command = [
            str(TOOL),
            "run",
            f"{registry.url}/api/openapi.json",
            "-H",
            header,
            "--phases",
            "examples,coverage,fuzzing",
            "--seed",
            "7",
            "-n",
            "5",
            "--no-color",
            "--generation-database",
            "none",
            "--warnings",
            "off",
            "--exclude-checks",
            NOT_ASKED[kind],
        ]
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=110,
            env={**os.environ, "NO_COLOR": "1"},
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        paths = len({(verb.method, verb.path) for verb in TABLE})
        assert f"Tested: {paths}" in done.stdout, done.stdout[-2000:]
