"""``chatixia status``: the mesh at a glance, from the registry's own count."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import click

from . import output
from .common import Console, again, common, in_mesh

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chatixia.client.mesh import Mesh
    from chatixia.core.spending import Spending
    from chatixia.wire.registry import Edge, StatusReply, Topology

EMPTY: Mapping[str, Spending] = MappingProxyType({})


@click.command()
@click.option("--watch", is_flag=True, help="Repeat every 2 s until Ctrl-C.")
@common
def status(console: Console, watch: bool) -> None:
    """Show the registry, the agents, the links between them and the queue."""
    in_mesh(
        console, lambda mesh: again(console, 2.0 if watch else 0.0, lambda: show(mesh, console))
    )


async def show(mesh: Mesh, console: Console) -> None:
    """One look as it stands now."""
    import msgspec

    from chatixia.assembly.run.spending import spent_today
    from chatixia.wire.registry import Nothing
    from chatixia.wire.tasks import STATES

    reply: StatusReply = await mesh.verb("status", Nothing())
    links: Topology = await mesh.verb("topology", Nothing())
    counts = {state: reply.tasks.get(state, 0) for state in STATES}
    models = spent_today(console.mesh)
    fields = {**msgspec.structs.asdict(reply), "tasks": counts | reply.tasks}
    spent = {name: msgspec.structs.asdict(one) for name, one in models.items()}
    console.data(
        "status",
        {"status": fields, "links": links.mesh_edges, "models": spent},
        render(reply, links, models),
    )


def render(reply: StatusReply, links: Topology, models: Mapping[str, Spending] = EMPTY) -> str:
    """The rows of one look."""
    queue = ", ".join(f"{count} {state}" for state, count in reply.tasks.items() if count)
    rows: list[output.Row] = [
        ("mesh", reply.mesh[:16], f"chatixia {reply.version}"),
        ("registry", ", ".join(map(output.in_line, reply.addresses)) or "-", ""),
        ("agents", f"{reply.agents} online", ""),
        ("links", f"{len(links.mesh_edges)} open", ""),
        ("tasks", queue or "none", ""),
    ]
    if reply.delegated or reply.by_registry:
        rows.append(("delegated", _delegated(reply), _in_that_way(reply.by_registry)))
    rows += [("model", name, _spending(spent)) for name, spent in models.items()]
    if reply.trouble:
        rows.append(("trouble", output.in_line(reply.detail), ""))
    at_work = {
        link.peer: link.status
        for node in links.nodes
        for link in node.links
        if link.status not in ("", "idle")
    }
    rows += [
        ("link", f"{edge.from_peer} - {edge.to_peer}", _link(edge, at_work))
        for edge in links.mesh_edges
    ]
    return output.rows(rows)


def _in_that_way(machines: int) -> str:
    """How many came in by the registry."""
    return f"{machines} machine{'' if machines == 1 else 's'} in that way"


def _delegated(reply: StatusReply) -> str:
    """What the registry may sign."""
    if not reply.delegated:
        return "nothing any more"
    names = output.in_line(" ".join(reply.delegated))
    return f"{names} to the registry, until {output.moment(reply.delegated_until)}"


def _spending(spent: Spending) -> str:
    """What an agent of this machine has spent today."""
    money = f", {spent.money:.2f} USD" if spent.money else ""
    return f"{spent.requests:,} requests, {spent.tokens:,} tokens{money} today"


def _link(edge: Edge, at_work: dict[str, str]) -> str:
    """Tier, round trip, bytes, resends, how many ends report it, and which of them are at work."""
    tier = f"{edge.tier} ({output.in_line(edge.relay)})" if edge.relay else edge.tier
    parts = [tier, output.round_trip(edge.rtt_ms)]
    if edge.bytes:
        parts.append(output.size(edge.bytes))
    if edge.resends:
        parts.append(f"{edge.resends} resent")
    parts.append("both ends" if edge.confirmed else "one end")
    ends = (end for end in (edge.from_peer, edge.to_peer) if end in at_work)
    return ", ".join([*parts, *(f"{end} {output.in_line(at_work[end])}" for end in ends)])
