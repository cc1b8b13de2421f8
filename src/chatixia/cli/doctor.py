"""``chatixia doctor``: what stands between this machine and its mesh, and the cure of each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import output
from .common import Console, common

if TYPE_CHECKING:
    from chatixia.assembly.doctor.findings import Diagnosis


@click.command()
@click.option(
    "--engine",
    default="auto",
    envvar="CHATIXIA_ENGINE",
    type=click.Choice(["auto", "wrtc", "aiortc"]),
    help="The engine to look at.",
)
@common
def doctor(console: Console, engine: str) -> None:
    """Check the registry, the network and this machine, and say which tier its agents get.

    A line each: ok, warn or fail with the cure. Exit code 1 if anything fails. In an agent's folder
    its model is asked for a word too.
    """
    import msgspec

    from chatixia.assembly.run.model_check import examine_with_models

    report = examine_with_models(console.mesh, engine, Path())
    console.data("doctor", msgspec.to_builtins(report), render(report))
    if any(finding.level == "fail" for finding in report.findings):
        click.get_current_context().exit(1)


def render(report: Diagnosis) -> str:
    """A line for each finding, its cure below it, and the tier."""
    wide = max(len(finding.check) for finding in report.findings)
    lines = []
    for finding in report.findings:
        text = output.in_line(finding.text)
        lines.append(f"  {finding.level:<4}  {finding.check:<{wide}}  {text}")
        if finding.cure:
            lines.append(f"  {'':<4}  {'':<{wide}}  cure: {output.in_line(finding.cure)}")
    lines.append(f"  {'tier':<4}  {report.tier}: {report.reason}")
    return "\n".join(lines)
