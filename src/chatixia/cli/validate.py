"""``chatixia validate``: check an agent's files, say what is wrong, missing or without effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import output
from .common import Console, common

if TYPE_CHECKING:
    from chatixia.assembly.agent import Agent
    from chatixia.assembly.run.manifest_check import ManifestFinding


@click.command()
@click.argument("target", default=".")
@click.option("--strict", is_flag=True, help="What is missing here and now is an error too.")
@common
@click.pass_context
def validate(ctx: click.Context, console: Console, target: str, strict: bool) -> None:
    """Check the agent in TARGET as `run` would, without logging in.

    Checks agent.yaml, AGENT.md and .env, each mistake with its line, and loads agent.py and the
    skills beside it. Warns where the registry does not answer or a model has no key.
    """
    from chatixia.assembly.profile.profile import exists
    from chatixia.assembly.run.load import load
    from chatixia.assembly.run.manifest_check import check_manifest

    findings = check_manifest(target, console.mesh)
    refuse(ctx, [one for one in findings if strict or one.level == "error"])
    for agent in load(target, mesh=console.mesh or None):
        settings = agent.check()
        loaded, notes = agent.loaded, [*settings.notes]
        if not exists(settings["mesh"]):
            notes.append("this machine is not in that mesh yet: `chatixia up` or `chatixia join`")
        elif names := other_names(settings["mesh"], agent.name):
            notes.append(f"this machine runs agents called {names}: it may not run {agent.name}")
        fields = {
            "name": agent.name,
            "manifest": str(loaded.path) if loaded else "",
            "notes": notes,
            "skills": [skill.name for skill in agent.offered()],
            "findings": findings,
        }
        console.data("valid", fields, output.rows(lines(agent, str(settings["registry"]))))
        for note in notes:
            console.say(f"  note      {note}")
    for finding in findings:
        console.say(f"  warn      {finding.sentence}")


def other_names(mesh: str, agent: str) -> str:
    """The patterns of the names that this machine may give its agents, where that one is none."""
    from chatixia.assembly.profile.profile import Profile
    from chatixia.core.patterns import covers

    names = Profile.open(mesh).agent_names
    return "" if any(covers(name, agent) for name in names) else " ".join(names)


def refuse(ctx: click.Context, findings: list[ManifestFinding]) -> None:
    """Print each as an error of its own and end; nothing where there are none."""
    from chatixia.errors import ConfigError

    from .failure import refused

    for finding in findings:
        code = refused(ConfigError(finding.sentence), ctx.find_root().meta)
    if findings:
        ctx.exit(code)


def lines(agent: Agent, registry: str) -> list[output.Row]:
    """What the files say, in short."""
    loaded = agent.loaded
    skills = ", ".join(skill.name for skill in agent.offered())
    rows: list[output.Row] = [
        ("agent", agent.name, agent.description),
        ("manifest", str(loaded.path) if loaded else "none", "no mistakes" if loaded else ""),
        ("registry", registry or "that of this machine's mesh", ""),
        ("skills", skills or "none", ""),
    ]
    if loaded is None:
        return rows
    guide = f"{len(loaded.guide.splitlines())} lines" if loaded.guide else "none"
    variables = f"{len(loaded.environment)} variables" if loaded.environment else "none"
    return [*rows, ("AGENT.md", guide, ""), (".env", variables, "")]
