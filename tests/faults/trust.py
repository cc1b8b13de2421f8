"""Planted faults of who may sign, be and start what. Loaded as ``faults.py`` is."""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always, value


def stemmed(original: Any) -> Any:
    """Let `names` allow a client's id by what stands before its `~`."""
    return lambda signer, name: original(signer, name.partition("~")[0])


def unproved(original: Any) -> Any:
    """Believe a login by its chain alone."""

    def login(register: Any, **more: Any) -> Any:
        return original(register, **more | {"verify": lambda key, *rest: True})

    return login


def renewing(original: Any) -> Any:
    """Let whatever proved a caller buy a token."""

    async def token(self: Any, call: Any, request: Any) -> Any:
        if call.principal is not None and not request.assertion:
            return self._token(call.principal, 0, 0.0)
        return await original(self, call, request)

    return token


def sparing(original: Any) -> Any:
    """Leave the work of who was put out as it is."""

    async def run(self: Any, ns: str, gone: Any) -> int:
        return 0

    return run


FAULTS: list[Fault] = [
    Fault(
        "client-of-another",
        "a client is signed by the machine whose name it bears, and by nobody else",
        {"chatixia.core.membership:may_name": stemmed},
        (
            "tests/core/test_membership.py::test_a_client_is_signed_by_the_machine_whose_name_it_bears_and_by_nobody_else",
            "tests/core/test_handshake.py::test_a_machine_makes_no_link_as_a_client_of_another",
            "tests/registry/trust/test_gate.py::test_a_machine_signs_no_client_of_another",
        ),
    ),
    Fault(
        "anybody-may",
        "each door asks for the right to a verb, once and before the body",
        {
            "chatixia.registry.web.app:allow": always(None),
            "chatixia.registry.live.frames:allow": always(None),
        },
        (
            "tests/registry/web/test_app.py::test_an_agent_and_an_api_key_are_denied_what_is_not_theirs",
        ),
    ),
    Fault(
        "login-of-anybody",
        "a login at the registry is proved by the member's own key",
        {"chatixia.registry.trust.members:check_login": unproved},
        ("tests/registry/trust/test_gate.py::test_one_agents_failures_do_not_bar_its_neighbours",),
    ),
    Fault(
        "token-of-a-token",
        "a token comes from a key, never from another token",
        {"chatixia.registry.trust.gate:Authenticator.token": renewing},
        ("tests/registry/trust/test_gate.py::test_no_token_is_made_of_a_token",),
    ),
    Fault(
        "token-beyond-its-member",
        "a token ends with the first record of its chain",
        {"chatixia.registry.trust.tokens:Tokens.life": always(300)},
        (
            "tests/registry/trust/test_tokens.py::test_it_ends_with_the_membership_behind_it",
            "tests/registry/trust/test_gate.py::test_a_token_ends_with_the_first_record_of_its_chain",
        ),
    ),
    Fault(
        "name-of-a-key",
        "the name of an API key is a name: no member takes it",
        {"chatixia.store.control.trust:_key_named": always(False)},
        (
            "tests/store/control/test_trust_store.py::test_a_name_is_a_members_or_an_api_keys",
            "tests/registry/trust/test_keys.py::test_no_member_takes_the_name_of_an_api_key",
        ),
    ),
    Fault(
        "revoked-works-on",
        "the work of whoever is revoked ends with it",
        {"chatixia.registry.work.removal:Removal.run": sparing},
        (
            "tests/registry/work/test_removal.py::test_its_tasks_are_given_to_nobody_in_groups_of_200",
            "tests/registry/work/test_removal.py::test_its_leases_return_and_what_was_begun_counts",
            "tests/registry/trust/test_leaving.py::test_the_waiting_work_of_a_revoked_machine_ends_with_it",
        ),
    ),
    Fault(
        "revoked-is-still-asked",
        "nothing is taken for an agent of a revoked machine",
        {"chatixia.registry.trust.members:Members.is_removed": always(False)},
        (
            "tests/registry/trust/test_leaving.py::test_the_waiting_work_of_a_revoked_machine_ends_with_it",
        ),
    ),
    Fault(
        "queue-unmarked",
        "queued work says that it came by the queue",
        {"chatixia.peer.tasks.worker:VIA": value("direct")},
        ("tests/peer/tasks/test_worker.py::test_what_a_handler_is_told",),
    ),
    Fault(
        "start-that-gives-up",
        "a retryable refusal at start is waited for",
        {"chatixia.assembly.wiring:BUSY_S": value(0.0)},
        (
            "tests/assembly/test_agent.py::test_many_agents_start_at_once_though_the_registry_is_busy[30]",
        ),
    ),
    Fault(
        "schemas-unbounded",
        "schemas that fit no login are refused at the start",
        {"chatixia.agent.skill:check_size": always(None)},
        (
            "tests/agent/test_skill.py::test_all_schemas_together_have_a_bound",
            "tests/assembly/test_agent.py::test_schemas_that_fit_no_login_are_refused_at_the_start",
        ),
    ),
    Fault(
        "closed-without-a-word",
        "a refusal by the registry's socket is shown with its reason",
        {"chatixia.peer.control.reason:closed_for": always("")},
        (
            "tests/peer/control/test_reason.py::test_a_cause_in_words",
            "tests/peer/control/test_reason.py::test_a_login_that_was_ended_for_a_reason_is_seen",
        ),
    ),
    Fault(
        "kept-by-the-child",
        "a child that outlives a killed agent holds neither its lock nor its login",
        {"chatixia.world:keep_private": always(None)},
        (
            "tests/test_world.py::test_what_is_private_leads_nowhere_in_a_child",
            "tests/assembly/profile/test_lock.py::test_a_child_that_outlives_the_holder[forked]",
        ),
    ),
    Fault(
        "threads-of-the-parent",
        "a fork of a process with links is told so, with the cure",
        {"chatixia.peer.engines.wrtc:forked": always(False)},
        (
            "tests/peer/engines/test___init__.py::test_a_fork_of_a_process_with_links_is_refused_with_the_cure",
        ),
    ),
    Fault(
        "lines-twice",
        "a line is printed once, whatever log the user's program set up",
        {"chatixia.assembly.logs:_root_shows": always(False)},
        (
            "tests/assembly/test_logs.py::test_a_command_prints_each_line_once_whatever_log_the_user_set_up",
        ),
    ),
]
