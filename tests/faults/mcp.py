"""Faults in the gateway of MCP: who comes in, what a host hears and gets, and what it leaves."""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always, value

ACC = "tests/acceptance/test_mcp.py"
AT = "tests/gateway/mcp"
OBEDIENT = "tests/acceptance/test_obedient.py"
INTEROP = "tests/interop"
GATE = "chatixia.gateway.mcp"


def nothing(original: Any) -> Any:
    """Do nothing at all."""
    return lambda *args, **kwargs: None


def endless_input(original: Any) -> Any:
    """Hand over what is read, and never that it has ended."""
    return lambda self, lines: original(self, lines) if lines else None


def unlisted(original: Any) -> Any:
    """Hear nothing of who comes and goes."""
    return lambda self, agent: None


def by_nobody(original: Any) -> Any:
    """Call in the gateway's own name."""

    def mesh(self: Any, caller: str) -> Any:
        from chatixia.client.mesh import Mesh

        return Mesh(self._context)

    return mesh


def shielded(original: Any) -> Any:
    """Let a call go on that nobody waits for."""

    async def value_of(self: Any, *args: Any) -> Any:
        import asyncio

        return await asyncio.shield(asyncio.ensure_future(original(self, *args)))

    return value_of


def anyone(original: Any) -> Any:
    """Ask for no credential."""
    return lambda self, scope: "http"


def first_of_all(original: Any) -> Any:
    """Give what was kept for whoever."""

    def get(self: Any, caller: str, uri: str) -> Any:
        for resources in self._callers.values():
            if uri in resources:
                return resources[uri]
        return original(self, caller, uri)

    return get


def verbatim(original: Any) -> Any:
    """Tell a host an exception's own text."""

    async def plain(work: Any) -> Any:
        return await work

    return plain


def every_variable(original: Any) -> Any:
    """Pass the whole environment on, as it is when a server starts."""
    import os

    return os.environ


def never(original: Any) -> Any:
    """Wait without end, whatever becomes of the connection."""

    async def follow(self: Any, client: Any) -> None:
        import asyncio

        await asyncio.Event().wait()

    return follow


def deaf(original: Any) -> Any:
    """Hear of no change."""

    async def hear(self: Any, message: Any) -> None:
        pass

    return hear


def nobody(original: Any) -> Any:
    """Know of no resource of an agent."""
    return lambda agent: []


def empty(original: Any) -> Any:
    """Give a host an answer without what the skill gave."""

    async def tool_result(*args: Any) -> Any:
        import mcp_types

        return mcp_types.CallToolResult(content=[])

    return tool_result


def without_servers(original: Any) -> Any:
    """Leave out which servers an agent uses."""
    return lambda skills, servers, mode: original(skills, mode=mode)


def endless(original: Any) -> Any:
    """Put everything on one page, and say that there is no other."""
    return lambda ordered, cursor: (list(ordered)[:200], None)


def whole_names(original: Any) -> Any:
    """Name an agent before each of its skills, though it is the only one."""
    return lambda skill, agent: original(skill, agent or "any")


def patient(original: Any) -> Any:
    """Wait for a server longer than its owner said."""

    async def call(self: Any, name: str, args: Any, timeout: float) -> Any:
        import msgspec

        self.spec = msgspec.structs.replace(self.spec, timeout=3.0)
        return await original(self, name, args, 3.0)

    return call


def unlimited(original: Any) -> Any:
    """Let a host's call take as long as it likes."""

    def init(self: Any, catalog: Any, callers: Any, store: Any, timeout: float = 0.0) -> None:
        original(self, catalog, callers, store, 600.0)

    return init


def whatever_fits(original: Any) -> Any:
    """Take each object among the arguments for a file."""

    def places(parameters: Any, arguments: Any, comment: str) -> Any:
        return [(name,) for name, one in arguments.items() if isinstance(one, dict)]

    return places


FAULTS: list[Fault] = [
    Fault(
        "mcp-patient",
        "a server that never answers ends at a time-out of ours",
        {f"{GATE}.attached:AttachedServer.call": patient},
        (f"{AT}/test_attached.py::test_one_that_never_answers_ends_at_our_time_out",),
    ),
    Fault(
        "mcp-unlimited",
        "a host's call ends at a time-out of ours",
        {f"{GATE}.calls:ToolCalls.__init__": unlimited},
        (f"{AT}/test_http.py::test_an_older_host_that_vanishes_is_ended_by_the_time_out",),
    ),
    Fault(
        "mcp-no-back-off",
        "a server that dies at each start is started ever later",
        {f"{GATE}.attached:RestartPauses.after": always(0.01)},
        (f"{AT}/test_attached.py::test_each_start_waits_longer_until_one_stood",),
    ),
    Fault(
        "mcp-floods-by-http",
        "what a server sends over HTTP is bounded",
        {f"{GATE}.remote:MAX_MESSAGE": value(1 << 40), f"{GATE}.flood:FloodGuard.count": nothing},
        (f"{AT}/test_remote.py::test_a_body_without_end_and_a_redirect",),
    ),
    Fault(
        "mcp-large-schema",
        "a tool with a schema beyond the bound is left out",
        {f"{GATE}.attached:_size": always(0)},
        (f"{AT}/test_attached.py::test_a_tool_is_taken_as_far_as_it_can_be",),
    ),
    Fault(
        "mcp-many-parts",
        "of a server's result so many parts are read",
        {f"{GATE}.answers:MOST_PARTS": value(1 << 40)},
        (f"{AT}/test_answers.py::test_parts_are_bounded",),
    ),
    Fault(
        "mcp-foreign-comment",
        "a comment in a skill's own schema changes nothing",
        {f"{GATE}.files:places": whatever_fits},
        (f"{AT}/test_files.py::test_a_comment_of_another_changes_nothing",),
    ),
    Fault(
        "mcp-no-bare-name",
        "of one agent that a host was given, skills have their own names",
        {f"{GATE}.catalog:tool_name": whole_names},
        (
            "tests/acceptance/test_mcp_example.py::test_a_host_uses_a_tool_provider_on_another_machine",
        ),
    ),
    Fault(
        "mcp-no-site",
        "Host and Origin are checked on each address",
        {f"{GATE}.guard:McpGuard._check_site": nothing},
        (f"{AT}/test_guard.py::test_who_is_refused", f"{ACC}::test_who_is_refused_over_http"),
    ),
    Fault(
        "mcp-no-token",
        "only a host with a token of this gateway comes in",
        {f"{GATE}.guard:McpGuard._holder": anyone},
        (
            f"{AT}/test_guard.py::test_who_is_refused",
            f"{AT}/test_http.py::test_a_connection_is_of_the_credential_that_opened_it",
            f"{ACC}::test_who_is_refused_over_http",
        ),
    ),
    Fault(
        "mcp-anyones-resource",
        "what is kept for one host is not another's",
        {f"{GATE}.resource_store:ResourceStore.get": first_of_all},
        (
            f"{AT}/test_resource_store.py::test_another_caller_finds_nothing",
            f"{AT}/test_http.py::test_what_is_kept_for_one_is_not_read_by_another",
            f"{AT}/test_files.py::test_an_address_is_one_that_a_tool_gave_to_this_caller",
        ),
    ),
    Fault(
        "mcp-not-live",
        "a tool appears and vanishes with its agent, within a second",
        {f"{GATE}.catalog:MeshCatalog.changed": unlisted},
        (
            f"{AT}/test_server.py::test_tools_come_and_go_in_the_older_era",
            f"{AT}/test_server.py::test_tools_come_and_go_in_the_newer_era",
            f"{ACC}::test_a_host_calls_skills_and_sees_them_come_and_go",
        ),
    ),
    Fault(
        "mcp-unwatched",
        "a host is told of the resource that it subscribed to, in both eras",
        {f"{GATE}.listeners:addresses_of": nobody},
        (
            f"{AT}/test_listeners.py::test_a_connection_is_told_of_what_it_watches_and_no_more",
            f"{AT}/test_server.py::test_a_host_of_the_newer_era_hears_of_the_agent_that_it_watches",
            f"{AT}/test_server.py::test_a_host_of_the_older_era_hears_of_what_it_watches_until_it_has_enough",
        ),
    ),
    Fault(
        "mcp-empty-result",
        "hosts that nobody here wrote get what a skill answers",
        {f"{GATE}.calls:tool_result": empty},
        (
            f"{INTEROP}/test_mcp_inspector.py::test_the_inspector_lists_and_calls_tools",
            f"{INTEROP}/test_mcp_conformance.py::test_the_suite_passes_but_for_what_is_said",
        ),
    ),
    Fault(
        "mcp-no-path",
        "the host that calls stands on the path",
        {f"{GATE}.callers:MeshCallers.mesh": by_nobody},
        (
            f"{AT}/test_server.py::test_a_skill_is_a_tool_and_the_host_is_on_its_path",
            f"{ACC}::test_who_calls_is_on_the_path_and_what_is_large_is_a_resource",
        ),
    ),
    Fault(
        "mcp-goes-on",
        "a call that its host left is cancelled at the far agent",
        {f"{GATE}.calls:ToolCalls._value": shielded},
        (
            f"{AT}/test_server.py::test_a_host_that_leaves_a_call_cancels_the_skill",
            f"{ACC}::test_a_host_that_leaves_in_mid_call_cancels_the_far_skill",
        ),
    ),
    Fault(
        "mcp-host-unnoticed",
        "a host that is gone ends its gateway, and with it what it asked for",
        {f"{GATE}.stdio:HostReader._hand_over": endless_input},
        (
            f"{AT}/test_stdio.py::test_a_server_speaks_over_two_pipes_until_the_host_leaves",
            f"{ACC}::test_a_host_that_is_killed_in_mid_call_cancels_the_far_skill",
        ),
    ),
    Fault(
        "mcp-first-page",
        "all skills are listed, page by page",
        {f"{GATE}.tools:after": endless, f"{GATE}.resources:after": endless},
        (
            f"{AT}/test_tools.py::test_all_of_a_thousand_come_in_pages",
            f"{ACC}::test_a_thousand_skills_are_three_tools_or_pages",
        ),
    ),
    Fault(
        "mcp-no-files",
        "a host gives files as arguments, its own and those that a tool gave it",
        {f"{GATE}.calls:fill": nothing},
        (f"{ACC}::test_a_host_gives_files_as_arguments",),
    ),
    Fault(
        "mcp-unlisted-servers",
        "the directory lists which servers of MCP an agent uses",
        {"chatixia.registry.live.directory:Capabilities": without_servers},
        (
            "tests/registry/live/test_directory.py::test_the_servers_of_mcp_that_an_agent_names_are_listed",
        ),
    ),
    Fault(
        "mcp-large-inline",
        "a result above its bound is a resource",
        {f"{GATE}.results:MAX_TEXT": value(1 << 40)},
        (f"{AT}/test_server.py::test_a_large_result_is_a_resource",),
    ),
    Fault(
        "mcp-unjudged",
        "arguments are judged before anything leaves",
        {f"{GATE}.arguments:check": nothing},
        (f"{AT}/test_arguments.py::test_what_does_not_fit_is_named",),
    ),
    Fault(
        "mcp-verbatim",
        "a host hears a code and a sentence, never an exception's text",
        {f"{GATE}.server:_plain": verbatim},
        (f"{AT}/test_server.py::test_a_defect_of_ours_is_told_without_its_text",),
    ),
    Fault(
        "mcp-clear",
        "beyond this machine it listens only by a word",
        {"chatixia.assembly.mcp.process:check_address": always(None)},
        ("tests/assembly/mcp/test_process.py::test_beyond_this_machine_only_by_a_word",),
    ),
    Fault(
        "mcp-server-trusted",
        "a server's own word widens no effect",
        {"chatixia.agent.model.outside_tools:effect_of": always("read")},
        (
            "tests/agent/model/test_outside_tools.py::test_names_effects_and_what_is_taken",
            f"{OBEDIENT}::test_the_column_of_a_hostile_mcp_server",
        ),
    ),
    Fault(
        "mcp-whole-environment",
        "a server gets the variables that are named for it, and no secret of another",
        {f"{GATE}.child:PASSED_ON": every_variable},
        (
            f"{AT}/test_attached.py::test_only_named_variables_reach_it",
            f"{OBEDIENT}::test_what_an_mcp_server_says_is_no_instruction_and_it_gets_no_secret",
        ),
    ),
    Fault(
        "mcp-floods-in",
        "what a server sends is bounded",
        {f"{GATE}.flood:FloodGuard.count": nothing, f"{GATE}.child:MAX_MESSAGE": value(1 << 40)},
        (f"{AT}/test_attached.py::test_one_that_floods_is_ended_and_memory_does_not_grow",),
    ),
    Fault(
        "mcp-server-lost",
        "a server that dies is started again",
        {f"{GATE}.attached:AttachedServer._follow": never},
        (f"{AT}/test_attached.py::test_one_that_dies_is_started_again",),
    ),
    Fault(
        "mcp-tools-frozen",
        "tools of a server come and go with its list",
        {f"{GATE}.attached:AttachedServer._hear": deaf},
        (
            f"{AT}/test_attached.py::test_one_that_changes_its_tools_in_mid_run_is_listed_anew",
            "tests/assembly/mcp/test_servers.py::test_skills_come_and_go_with_their_server",
        ),
    ),
    Fault(
        "mcp-connections-for-one",
        "one credential has no more than its share of the connections over HTTP",
        {f"{GATE}.http:fits": always(True)},
        (f"{AT}/test_http.py::test_one_credential_has_no_more_than_its_share_of_the_connections",),
    ),
]
