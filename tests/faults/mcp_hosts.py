"""Faults in what MCP hosts see of skills that are no tools, and in how they come in over HTTP."""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always, value
from .mcp import ACC, AT, GATE, INTEROP, nothing


def no_prompt(original: Any) -> Any:
    """Know of no skill that is a prompt."""
    return property(lambda self: {})


def unread(original: Any) -> Any:
    """Know of no skill that is a resource."""
    return property(lambda self: {})


def nothing_more(original: Any) -> Any:
    """Send nothing to who comes back."""

    async def replay(self: Any, last: str, send: Any) -> None:
        return None

    return replay


def boundless(original: Any) -> Any:
    """Read whatever a skill answers."""

    async def contents(uri: str, value: Any) -> Any:
        from chatixia.gateway.mcp import resources

        resources.MAX_READ = 1 << 40
        return await original(uri, value)

    return contents


def of_anybody(original: Any) -> Any:
    """Give a stream to whichever connection asks for its number."""
    return lambda self, owner, number: self._streams.get(number)


def free_place(original: Any) -> Any:
    """Serve whoever comes at once."""

    async def take(self: Any) -> None:
        return None

    return take


def first_part(original: Any) -> Any:
    """Read a Host up to its first odd character."""
    return lambda host: host[1:].partition("]")[0] if host[:1] == "[" else host.partition(":")[0]


def no_origin(original: Any) -> Any:
    """Look at no Origin."""

    def check(self: Any, scope: Any) -> None:
        original(self, {**scope, "headers": [h for h in scope["headers"] if h[0] != b"origin"]})

    return check


FAULTS: list[Fault] = [
    Fault(
        "mcp-no-origin",
        "a page of another site is refused",
        {f"{GATE}.guard:McpGuard._check_site": no_origin},
        (f"{AT}/test_guard.py::test_who_is_refused", f"{ACC}::test_who_is_refused_over_http"),
    ),
    Fault(
        "mcp-unanswered",
        "a host hears of a request that is refused unread",
        {f"{GATE}.stdio:_refusal": always(None)},
        (f"{AT}/test_stdio.py::test_a_request_that_is_refused_unread_is_answered",),
    ),
    Fault(
        "mcp-odd-host",
        "a Host is the whole of a name and a port",
        {f"{GATE}.guard:name_of": first_part},
        (f"{AT}/test_guard.py::test_who_is_refused",),
    ),
    Fault(
        "mcp-no-queue",
        "requests at once beyond the bound wait for their turn",
        {f"{GATE}.guard:MOST_WAITING": value(0)},
        (f"{AT}/test_guard.py::test_requests_wait_for_a_place_and_not_for_ever",),
    ),
    Fault(
        "mcp-waits-for-ever",
        "a request waits for a place for a while, and no more than so many do",
        {f"{GATE}.guard:RequestPlaces.take": free_place},
        (
            f"{AT}/test_guard.py::test_requests_wait_for_a_place_and_not_for_ever",
            f"{AT}/test_guard.py::test_one_credential_takes_no_more_than_its_share",
        ),
    ),
    Fault(
        "mcp-a-line-for-each",
        "refused connections are few lines of the log",
        {f"{GATE}.http:RatedWarnings.filter": always(True)},
        (f"{AT}/test_http.py::test_refused_connections_are_few_lines",),
    ),
    Fault(
        "mcp-answer-lost",
        "a host whose stream broke reads its answer when it comes back",
        {f"{GATE}.resumption:SessionEvents.replay_events_after": nothing_more},
        (
            f"{AT}/test_http.py::test_an_older_host_whose_stream_broke_reads_the_rest",
            f"{AT}/test_http.py::test_an_older_host_that_is_to_come_back_gets_its_answer",
            f"{INTEROP}/test_mcp_conformance.py::test_the_suite_passes_but_for_what_is_said",
        ),
    ),
    Fault(
        "mcp-stream-of-anybody",
        "a connection reads on in its own streams alone",
        {f"{GATE}.resumption:CredentialEvents.find": of_anybody},
        (
            f"{AT}/test_resumption.py::test_a_connection_reads_its_own_alone",
            f"{AT}/test_http.py::test_nobody_reads_on_in_another_s_stream",
        ),
    ),
    Fault(
        "mcp-events-grow",
        "what is there for hosts that come back is bounded",
        {
            f"{GATE}.resumption:MOST_BYTES": value(1 << 40),
            f"{GATE}.resumption:CredentialEvents._trim": nothing,
        },
        (
            f"{AT}/test_resumption.py::test_old_answers_go_before_running_streams",
            f"{AT}/test_resumption.py::test_streams_and_their_events_are_bounded",
        ),
    ),
    Fault(
        "mcp-no-resources",
        "what a skill that is a resource answers is read at its address",
        {f"{GATE}.catalog:MeshCatalog.resources": unread},
        (
            f"{AT}/test_resources.py::test_a_skill_is_a_resource_under_its_address",
            f"{INTEROP}/test_mcp_conformance.py::test_the_suite_passes_but_for_what_is_said",
        ),
    ),
    Fault(
        "mcp-any-address",
        "no agent puts a resource in the place of ours, nor of one that hosts fetch themselves",
        {
            f"{GATE}.catalog:address_problem": always(""),
            "chatixia.agent.skill_kinds:address_problem": always(""),
        },
        (
            f"{AT}/test_resources.py::test_what_a_stranger_puts_in_the_place_of_ours_is_a_tool",
            "tests/agent/test_skill_kinds.py::test_an_address_that_is_none_of_this_skill_is_refused",
        ),
    ),
    Fault(
        "mcp-endless-resource",
        "what a host reads at once is bounded",
        {f"{GATE}.resources:_contents": boundless},
        (f"{AT}/test_resources.py::test_a_resource_that_is_too_large_is_refused",),
    ),
    Fault(
        "mcp-no-prompts",
        "a skill that is a prompt is one for a host, with its arguments",
        {f"{GATE}.catalog:MeshCatalog.prompts": no_prompt},
        (
            f"{AT}/test_prompts.py::test_a_skill_is_a_prompt_with_arguments",
            f"{INTEROP}/test_mcp_conformance.py::test_the_suite_passes_but_for_what_is_said",
        ),
    ),
    Fault(
        "mcp-untyped-prompt",
        "a prompt that takes what nobody can type is refused where it is made",
        {"chatixia.agent.skill:check": nothing},
        ("tests/agent/test_skill_kinds.py::test_what_nobody_can_type_is_refused",),
    ),
]
