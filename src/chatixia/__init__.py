"""chatixia: agents that find each other by skill and call each other directly.

The public names, each loaded from its module at first use (PEP 562), so that importing the
package, or one name of it, costs only what that name needs. Type checkers read the imports below;
``tests/test_public.py`` holds them and the lazy table together.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .agent.context import Ctx as Ctx
    from .assembly.agent import Agent as Agent
    from .assembly.agent import run as run
    from .assembly.connect import connect as connect
    from .assembly.connect import connect_sync as connect_sync
    from .client.anyone import AnyHandle as AnyHandle
    from .client.artifact import Artifact as Artifact
    from .client.ask import Ask as Ask
    from .client.handle import AgentHandle as AgentHandle
    from .client.mesh import Mesh as Mesh
    from .client.progress import Progress as Progress
    from .client.reply import Receipt as Receipt
    from .client.reply import Reply as Reply
    from .client.stream import Items as Items
    from .client.stub import AgentStub as AgentStub
    from .client.stub import TypedItems as TypedItems
    from .client.stub import skill_stub as skill_stub
    from .client.sync import SyncAgentStub as SyncAgentStub
    from .client.sync import SyncAnyHandle as SyncAnyHandle
    from .client.sync import SyncHandle as SyncHandle
    from .client.sync import SyncItems as SyncItems
    from .client.sync import SyncMesh as SyncMesh
    from .client.sync import SyncTask as SyncTask
    from .client.sync import SyncTypedItems as SyncTypedItems
    from .client.task import Task as Task
    from .client.task import TaskRow as TaskRow
    from .client.value import Value as Value
    from .core.ports import Pong as Pong
    from .errors import AlreadyDone as AlreadyDone
    from .errors import AlreadyRunning as AlreadyRunning
    from .errors import AttemptsExhausted as AttemptsExhausted
    from .errors import AuditBroken as AuditBroken
    from .errors import BadArguments as BadArguments
    from .errors import BadChain as BadChain
    from .errors import BadInvitation as BadInvitation
    from .errors import BadRequest as BadRequest
    from .errors import BadSignature as BadSignature
    from .errors import BudgetExceeded as BudgetExceeded
    from .errors import Cancelled as Cancelled
    from .errors import ConfigError as ConfigError
    from .errors import Conflict as Conflict
    from .errors import CursorExpired as CursorExpired
    from .errors import DeadlineExceeded as DeadlineExceeded
    from .errors import Denied as Denied
    from .errors import DiskFull as DiskFull
    from .errors import Expired as Expired
    from .errors import HopLimit as HopLimit
    from .errors import Internal as Internal
    from .errors import MembershipExpired as MembershipExpired
    from .errors import MeshError as MeshError
    from .errors import MissingExtra as MissingExtra
    from .errors import ModelFailed as ModelFailed
    from .errors import NameTaken as NameTaken
    from .errors import NotFound as NotFound
    from .errors import OutcomeUnknown as OutcomeUnknown
    from .errors import Overloaded as Overloaded
    from .errors import PeerRestarted as PeerRestarted
    from .errors import RegistryUnreachable as RegistryUnreachable
    from .errors import Rejected as Rejected
    from .errors import Replaced as Replaced
    from .errors import Revoked as Revoked
    from .errors import SkillFailed as SkillFailed
    from .errors import StaleFence as StaleFence
    from .errors import TooLarge as TooLarge
    from .errors import Unauthorized as Unauthorized
    from .errors import Unavailable as Unavailable
    from .errors import UnknownAgent as UnknownAgent
    from .errors import UnknownSkill as UnknownSkill
    from .errors import UnknownType as UnknownType
    from .errors import Unprocessable as Unprocessable
    from .errors import Unreachable as Unreachable
    from .errors import Untrusted as Untrusted
    from .errors import UpgradeNeeded as UpgradeNeeded
    from .errors import WrongMesh as WrongMesh
    from .wire.peer import SkillInfo as SkillInfo
    from .wire.registry import AgentRecord as AgentRecord
    from .wire.signaling import LinkReport as LinkReport
else:
    # module -> the names that it gives: what this package promises to keep (api.md section 3).
    _MODULES = {
        "agent.context": "Ctx",
        "assembly.agent": "Agent run",
        "assembly.connect": "connect connect_sync",
        "client.anyone": "AnyHandle",
        "client.artifact": "Artifact",
        "client.ask": "Ask",
        "client.handle": "AgentHandle",
        "client.mesh": "Mesh",
        "client.reply": "Receipt Reply",
        "client.stream": "Items",
        "client.stub": "AgentStub TypedItems skill_stub",
        "client.sync": (
            "SyncAgentStub SyncAnyHandle SyncHandle SyncItems SyncMesh SyncTask SyncTypedItems"
        ),
        "client.progress": "Progress",
        "client.task": "Task TaskRow",
        "client.value": "Value",
        "core.ports": "Pong",
        "errors": (
            "AlreadyDone AlreadyRunning AttemptsExhausted AuditBroken BadArguments BadChain"
            " BadInvitation BadRequest BadSignature BudgetExceeded Cancelled ConfigError Conflict"
            " CursorExpired DeadlineExceeded Denied DiskFull Expired HopLimit Internal"
            " MembershipExpired MeshError MissingExtra ModelFailed NameTaken NotFound"
            " OutcomeUnknown Overloaded PeerRestarted RegistryUnreachable Rejected Replaced"
            " Revoked SkillFailed StaleFence TooLarge"
            " Unauthorized Unavailable UnknownAgent UnknownSkill UnknownType Unprocessable"
            " Unreachable Untrusted UpgradeNeeded WrongMesh"
        ),
        "wire.peer": "SkillInfo",
        "wire.registry": "AgentRecord",
        "wire.signaling": "LinkReport",
    }
    _PUBLIC = {name: module for module, names in _MODULES.items() for name in names.split()}

    __all__ = sorted(_PUBLIC)  # noqa: PLE0605 - derived, so that the table stays the only list

    def __getattr__(name: str) -> object:
        """Load a public name from its module and keep it."""
        if name not in _PUBLIC:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        """List the public names, loaded or not."""
        return sorted({*globals(), *_PUBLIC})
