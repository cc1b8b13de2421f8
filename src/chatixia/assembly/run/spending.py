"""What the models of this machine's agents have spent today, read beside the running agents."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from chatixia.errors import MeshError
from chatixia.world import REAL, World

if TYPE_CHECKING:
    from chatixia.core.spending import Spending

MAX_AGENTS: Final = 256


def spent_today(mesh: str, world: World = REAL) -> dict[str, Spending]:
    """What each agent of this machine has spent in that mesh since midnight of UTC, by name; those
    that spent nothing are not in it. A file that cannot be read is left out."""
    from chatixia.assembly.membership.agent_folder import STORE, last_folder
    from chatixia.assembly.profile.profile import Profile
    from chatixia.core.spending import AGENT, day_of
    from chatixia.store.local.conversation_file import ConversationFile

    spendings: dict[str, Spending] = {}
    places = Profile.open(mesh).folder / "agents"
    if not places.is_dir():
        return spendings
    for place in islice(sorted(places.iterdir()), MAX_AGENTS):
        try:
            path = last_folder(place, place) / STORE
            if not path.is_file():
                continue
            file = ConversationFile(path)
            try:
                spent = file.spent(AGENT, day_of(world.wall()))
            finally:
                file.close()
        except (MeshError, OSError):
            continue
        if spent.requests:
            spendings[place.name] = spent
    return spendings
