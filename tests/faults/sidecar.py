"""Faults in the sidecar: who may connect, what a program may claim, and the two lives."""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always, value

ACC = "tests/acceptance/test_sidecar.py"
AT = "tests/sidecar"
PORT = "tests/assembly/remote/test_sidecar_port.py"
COLLECTING = "tests/assembly/serve/test_collecting.py"
PROCESS = "tests/assembly/sidecar/test_process.py"
SUPERVISE = "tests/assembly/sidecar/test_supervise.py"


def asked_once(original: Any) -> Any:
    """Take one answer that does not come for the end."""

    async def look(self: Any, seconds: float) -> None:
        self.port.client.welcome.online = (await self.port.status(seconds)).online

    return look


def nothing(original: Any) -> Any:
    """Do nothing at all."""
    return lambda *args, **kwargs: None


def serving_nothing(original: Any) -> Any:
    """Take a program that is leaving for one that serves nothing."""

    def serve(self: Any, served: Any) -> None:
        served.leaving = False
        original(self, served)

    return serve


def always_attached(original: Any) -> Any:
    """Take each connection for the program."""
    return lambda self, connection: self._attach(connection)


def refused_always(original: Any) -> Any:
    """Hear nobody who wants to take over."""

    def first(self: Any, connection: Any, line: Any) -> None:
        if self._program is None:
            original(self, connection, line)
        else:
            self._refuse(connection, line.id)

    return first


def causeless(original: Any) -> Any:
    """Add nothing to a call that a request caused."""

    def inherited(self: Any, request: Any) -> Any:
        from chatixia.sidecar.ports import Cause

        return Cause()

    return inherited


def boundless(original: Any) -> Any:
    """Read lines of any length."""

    def init(self: Any, limit: int = 0) -> None:
        original(self, 1 << 40)

    return init


def whole_batch(original: Any) -> Any:
    """Reject all that came with a line that cannot be read."""

    def take(self: Any, lines: bytes) -> None:
        from chatixia.errors import BadRequest

        self.reject(lines, BadRequest())

    return take


def unwaited(original: Any) -> Any:
    """Wait for no credit."""

    async def take(self: Any, size: int) -> None:
        self.left -= size

    return take


def unpacked(original: Any) -> Any:
    """Submit arguments as they are."""

    async def packed(self: Any, payload: Any) -> Any:
        return payload.args

    return packed


def later(original: Any) -> Any:
    """Use a connection some time after the answer to hello."""
    return lambda self, line, result: line.loop.call_later(0.3, original, self, line, result)


def once(original: Any) -> Any:
    """Run a process once."""

    async def keep(self: Any) -> None:
        await self._run()

    return keep


def left(original: Any) -> Any:
    """Ask no process to end."""

    async def stop(self: Any, seconds: float) -> None:
        self._stopping = True

    return stop


def all_of_it(original: Any) -> Any:
    """Pass on the whole environment."""
    return dict


def impatient(original: Any) -> Any:
    """Give up a program that says nothing for a second."""

    def give(self: Any, request: Any) -> None:
        from chatixia.errors import PeerRestarted

        original(self, request)
        self._program.loop.call_later(1.0, lambda: request.end(PeerRestarted()))

    return give


def any_path(original: Any) -> Any:
    """Send whatever file is named."""

    def source(self: Any, file: Any) -> Any:
        from chatixia.client.artifact_sources import FileSource

        return FileSource(file.path, file.name, file.media_type)

    return source


def keeping(original: Any) -> Any:
    """Keep what a call waited for when it is over."""

    def set_result(self: Any, result: None) -> None:
        begun = self.begun
        original(self, result)
        self.begun = begun

    return set_result


FAULTS: list[Fault] = [
    Fault(
        "sidecar-for-anyone",
        "another user of the machine is refused at the socket",
        {"chatixia.sidecar.sockets:is_own": always(True)},
        (
            f"{AT}/test_server.py::test_another_user_is_refused",
            f"{ACC}::test_another_user_is_refused",
        ),
    ),
    Fault(
        "sidecar-any-token",
        "over TCP both ends prove the token",
        {"chatixia.sidecar.proof:proves": always(True)},
        (
            f"{AT}/test_proof.py::test_only_the_token_both_nonces_and_the_side_prove",
            f"{AT}/test_server.py::test_over_tcp_all_else_is_closed",
            f"{AT}/test_client.py::test_an_impostor_is_refused",
            f"{ACC}::test_over_tcp_a_process_without_the_token_is_closed",
        ),
    ),
    Fault(
        "sidecar-unclosed",
        "over TCP a wrong first line, a long one and silence are closed",
        {"chatixia.sidecar.server:TcpProgram.abort": nothing},
        (
            f"{AT}/test_server.py::test_over_tcp_all_else_is_closed",
            f"{AT}/test_server.py::test_over_tcp_silence_is_closed",
            f"{ACC}::test_over_tcp_a_process_without_the_token_is_closed",
        ),
    ),
    Fault(
        "sidecar-two-programs",
        "one program has the socket, and a second is refused",
        {"chatixia.sidecar.server:SidecarServer.arrived": always_attached},
        (f"{AT}/test_server.py::test_a_second_program_is_refused_and_the_first_goes_on",),
    ),
    Fault(
        "sidecar-no-takeover",
        "a program that says so takes the socket over",
        {"chatixia.sidecar.server:SidecarServer.first": refused_always},
        (f"{AT}/test_server.py::test_one_that_takes_over_gets_the_socket_and_the_other_hears_why",),
    ),
    Fault(
        "sidecar-peers-unlisted",
        "a client of the described contract finds its peers",
        {"chatixia.sidecar.messages:DescribedCommands.list_peers": nothing},
        ("tests/interop/test_described_sidecar.py::test_two_described_clients_work_through_it",),
    ),
    Fault(
        "sidecar-without-cause",
        "the sidecar adds path, deadline and trace of the request that caused a call",
        {"chatixia.sidecar.commands:MeshCommands._inherited": causeless},
        (
            f"{AT}/test_program.py::test_a_cause_adds_path_deadline_and_trace_which_no_line_can_claim",
            f"{PORT}::test_a_call_made_while_serving_names_its_request",
        ),
    ),
    Fault(
        "sidecar-workers-verbs",
        "a program cannot use the verbs of the sidecar's own worker",
        {"chatixia.sidecar.commands:WORKING": value(frozenset())},
        (f"{AT}/test_program.py::test_the_registrys_commands",),
    ),
    Fault(
        "sidecar-endless-line",
        "a line is bounded",
        {"chatixia.sidecar.lines:LineReader.__init__": boundless},
        (f"{AT}/test_lines.py::test_a_long_line_is_bounded_and_costs_time_in_proportion",),
    ),
    Fault(
        "sidecar-batch-lost",
        "a line that cannot be read is rejected alone",
        {"chatixia.sidecar.lines:LineProtocol._take_each": whole_batch},
        (
            f"{AT}/test_lines.py::test_a_bad_line_is_rejected_alone",
            f"{AT}/test_program.py::test_mutated_lines_are_an_error_each_and_cost_no_memory",
        ),
    ),
    Fault(
        "sidecar-without-bound",
        "a program has a bounded number of open commands",
        {"chatixia.sidecar.runner:MAX_OPEN": value(10**9)},
        (f"{AT}/test_program.py::test_too_many_open_commands_are_busy",),
    ),
    Fault(
        "sidecar-reads-on",
        "a program that does not read is not read either",
        {"chatixia.sidecar.program:ProgramConnection.pause_writing": nothing},
        (f"{AT}/test_program.py::test_a_slow_reader_stops_its_own_commands_and_nothing_grows",),
    ),
    Fault(
        "sidecar-reader-flooded",
        "items come within the credit of their reader",
        {"chatixia.sidecar.runner:ReaderCredit.take": unwaited},
        (f"{AT}/test_program.py::test_a_stream_comes_within_credit",),
    ),
    Fault(
        "sidecar-sender-unbounded",
        "who sends items without credit is busy",
        {"chatixia.sidecar.items:STREAM_WINDOW": value(1 << 40)},
        (f"{AT}/test_answers.py::test_who_sends_more_than_there_is_room_for_is_busy",),
    ),
    Fault(
        "sidecar-waits-unbounded",
        "only so many requests wait for a program",
        {"chatixia.sidecar.requests:RequestTable._fits": always(True)},
        (f"{AT}/test_requests.py::test_only_so_many_wait_and_no_holder_takes_all",),
    ),
    Fault(
        "sidecar-waits-for-ever",
        "a program that stays away ends the wait",
        {"chatixia.sidecar.requests:RequestTable._give_up": nothing},
        (f"{AT}/test_requests.py::test_a_program_that_stays_away_ends_the_wait",),
    ),
    Fault(
        "sidecar-runs-nothing-again",
        "an idempotent request outlives its program",
        {"chatixia.sidecar.requests:RequestTable._may_run_again": always(False)},
        (
            f"{AT}/test_requests.py::test_an_idempotent_one_runs_again_and_is_answered_once",
            f"{ACC}::test_a_killed_program_breaks_no_link_and_what_waits_is_answered_once",
        ),
    ),
    Fault(
        "sidecar-runs-all-again",
        "what may not run twice has an unknown outcome",
        {"chatixia.sidecar.requests:RequestTable._may_run_again": always(True)},
        (
            f"{AT}/test_requests.py::test_one_that_runs_when_its_program_ends_has_an_unknown_outcome",
        ),
    ),
    Fault(
        "sidecar-impatient",
        "a program that stands still loses nothing",
        {"chatixia.sidecar.answers:RequestAnswers.give": impatient},
        (f"{ACC}::test_one_that_stands_still_loses_nothing[program-3 s]",),
    ),
    Fault(
        "sidecar-asked-once",
        "a program stays while its sidecar stands still",
        {"chatixia.assembly.remote.sidecar_connection:SidecarConnection._look": asked_once},
        (
            "tests/assembly/remote/test_sidecar_connection.py::test_a_sidecar_that_stands_still_is_asked_again",
        ),
    ),
    Fault(
        "sidecar-call-not-left",
        "a call over an open link that nobody waits for any more is left",
        {"chatixia.sidecar.runner:LinkedCall.cancel": nothing},
        (
            f"{AT}/test_runner.py::test_such_a_call_is_left_when_it_is_cancelled_or_its_cause_or_program_ends",
        ),
    ),
    Fault(
        "sidecar-cancel-untold",
        "a cancel reaches the program",
        {"chatixia.sidecar.program:ProgramConnection.withdraw": nothing},
        (
            f"{AT}/test_requests.py::test_a_request_that_is_left_is_told_as_canceled",
            f"{PORT}::test_a_cancel_reaches_the_skill",
        ),
    ),
    Fault(
        "sidecar-death-unheard",
        "calls that a dead sidecar held end with one error",
        {"chatixia.sidecar.client:SidecarClient._end_all": nothing},
        (
            f"{AT}/test_client.py::test_what_is_open_when_the_sidecar_ends_has_one_error",
            f"{ACC}::test_a_killed_sidecar_ends_what_it_held_and_is_back_at_once",
        ),
    ),
    Fault(
        "sidecar-found-late",
        "a sidecar that is back is found soon",
        {"chatixia.sidecar.client:pause_after": always(2.0)},
        (f"{AT}/test_client.py::test_a_sidecar_that_is_back_is_found_soon",),
    ),
    Fault(
        "sidecar-files-unnamed",
        "artifacts of requests, answers and items reach the program",
        {"chatixia.sidecar.references:ReferenceTable.name": always(())},
        (
            f"{AT}/test_answers.py::test_artifacts_go_as_files_of_the_folder",
            f"{PORT}::test_items_of_a_stream_bring_artifacts",
            f"{ACC}::test_it_is_an_agent_like_any_other",
        ),
    ),
    Fault(
        "sidecar-files-left",
        "artifacts that a program submits travel inside the task",
        {"chatixia.sidecar.commands:MeshCommands._packed": unpacked},
        (f"{AT}/test_commands.py::test_any_and_submit_take_artifacts_of_the_folder",),
    ),
    Fault(
        "sidecar-late-hello",
        "requests that come with the answer to hello are answered",
        {"chatixia.sidecar.client:SidecarClient._greeted": later},
        (f"{PORT}::test_a_request_that_waited_is_answered_in_the_batch_of_the_hello",),
    ),
    Fault(
        "sidecar-once",
        "a process that ends starts again",
        {"chatixia.assembly.sidecar.supervise:ChildProcess.keep": once},
        (
            f"{SUPERVISE}::test_one_that_is_killed_starts_again_with_growing_pauses",
            f"{ACC}::test_a_program_of_any_language_is_kept_alive_too",
        ),
    ),
    Fault(
        "sidecar-left-over",
        "Ctrl-C leaves no process",
        {"chatixia.assembly.sidecar.supervise:ChildProcess.stop": left},
        (
            f"{SUPERVISE}::test_one_that_does_not_end_is_killed_with_its_children",
            f"{ACC}::test_ctrl_c_leaves_nothing",
        ),
    ),
    Fault(
        "sidecar-knows-secrets",
        "no secret of the program is in the sidecar's process",
        {"chatixia.assembly.sidecar.supervise:passed": all_of_it},
        (
            f"{SUPERVISE}::test_a_sidecar_gets_no_secret_of_the_program",
            f"{ACC}::test_it_is_an_agent_like_any_other",
        ),
    ),
    Fault(
        "sidecar-handed-everything",
        "a sidecar is handed what it needs, not the prompt",
        {"chatixia.assembly.sidecar.process:NEEDED": value(("name", "prompt"))},
        (f"{PROCESS}::test_what_a_supervisor_hands_on_is_what_a_sidecar_needs",),
    ),
    Fault(
        "sidecar-any-file",
        "a program sends files of its folder, and no others",
        {"chatixia.assembly.sidecar.files:ArtifactFolder.source": any_path},
        ("tests/assembly/sidecar/test_files.py::test_only_files_of_the_folder_are_sent",),
    ),
    Fault(
        "sidecar-peers-untold",
        "a described program is told of links that open and close",
        {"chatixia.sidecar.messages:DescribedCommands.watch_peers": nothing},
        (f"{AT}/test_messages.py::test_links_that_come_and_go_are_told",),
    ),
    Fault(
        "sidecar-leaving-unheard",
        "what comes while a program stops waits for the next one",
        {"chatixia.sidecar.requests:RequestTable.serve": serving_nothing},
        (
            f"{AT}/test_requests.py::test_what_comes_while_a_program_leaves_waits_for_the_next_one",
            f"{PORT}::test_a_drain_waits_for_what_runs",
        ),
    ),
    Fault(
        "sidecar-any-bytes",
        "a line that is not UTF-8 goes nowhere",
        {"chatixia.sidecar.lines:check_text": nothing},
        (
            f"{AT}/test_lines.py::test_a_line_that_is_not_text_is_rejected_though_it_is_only_handed_on",
        ),
    ),
    Fault(
        "sidecar-cycles",
        "a call over an open link leaves nothing for the collector",
        {"chatixia.sidecar.runner:LinkedCall.set_result": keeping},
        (f"{AT}/test_runner.py::test_such_a_call_leaves_nothing_for_the_collector",),
    ),
    Fault(
        "sidecar-collects-often",
        "a process that serves many collects seldom",
        {"chatixia.assembly.serve.collecting:YOUNG_OBJECTS": value(2_000)},
        (f"{COLLECTING}::test_a_process_collects_seldom_and_keeps_its_start_out_of_it",),
    ),
]
