"""Planted faults of artifacts: what is sent unasked, believed unchecked, or written elsewhere.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always, same, value

SOURCES = "tests/client/test_artifact_sources.py"
UPLOAD = "tests/peer/artifacts/test_upload.py"
DOWNLOAD = "tests/peer/artifacts/test_download.py"
FILES = "tests/client/test_artifact_files.py"
ARTIFACT = "tests/client/test_artifact.py"
TRANSFER = "tests/core/test_transfer.py"


def credulous(original: Any) -> Any:
    """Take what came for what was described."""

    def finish(self: Any, overwrite: bool) -> None:
        self._info.sha256 = self._digest.hexdigest()
        original(self, overwrite)

    return finish


def wherever(original: Any) -> Any:
    """Take an object of user data for an artifact, if it looks like one."""

    def find(value: Any) -> Any:
        if isinstance(value, dict) and "$artifact" in value:
            return original({"$artifact": 0})
        return None

    return find


def by_size(original: Any) -> Any:
    """Tell files apart by their size alone."""
    return lambda descriptor: original(descriptor)[:1]


def unasked(original: Any) -> Any:
    """Send without being asked."""
    return lambda self, window: self.size - self.sent


def alone(original: Any) -> Any:
    """See no calls beside."""
    return lambda self, queueing, busy: original(self, queueing, False)


def boundless(original: Any) -> Any:
    """Take whatever comes."""

    def accept(self: Any, offset: int, count: int) -> bool:
        self.granted = offset + count
        return bool(original(self, offset, count))

    return accept


def patient(original: Any) -> Any:
    """See no gap in what came."""
    return property(lambda self: 5.0)


def hoarding(original: Any) -> Any:
    """Keep what was written, so often that a small file shows it."""

    def write(self: Any, data: bytes) -> None:
        self.kept = [*getattr(self, "kept", []), bytearray(data) * 16]
        original(self, data)

    return write


def from_the_start(original: Any) -> Any:
    """Pull from the first byte when a path is new."""

    def pull(self: Any, again: bool = False) -> Any:
        told = original(self, again)
        return (0, told[0] + told[1]) if again and told else told

    return pull


def afresh(original: Any) -> Any:
    """Do without what is there already."""

    def open_(self: Any) -> None:
        self.remove()
        original(self)

    return open_


def endless(original: Any) -> Any:
    """Take every byte for a sign of life."""

    def take(self: Any, offset: int, data: bytes) -> bool:
        self.waited = 0.0
        return bool(original(self, offset, data))

    return take


def impatient(original: Any) -> Any:
    """Pull anew what only waits for its turn."""
    return lambda self, download, now: now - download.received_at >= download.patience


def trusting(original: Any) -> Any:
    """Wait for its turn what lost it, for as long as others come."""

    def overdue(self: Any, download: Any, now: float) -> bool:
        download.rivals = 10**9
        return bool(original(self, download, now))

    return overdue


def misplaced(original: Any) -> Any:
    """Take what is being read for what comes next, though less than that was sent."""

    def let_go(self: Any) -> None:
        for upload in self._active.values():
            upload.reading = None
        original(self)

    return let_go


def unfinished(original: Any) -> Any:
    """Go on with a pull that a read left in the middle."""

    async def read(self: Any, offset: int, count: int) -> bytes:
        pull = next((pull for pull in self._pulls if pull.at == offset), None)
        try:
            return bytes(await original(self, offset, count))
        except BaseException:
            self._pulls.append(pull)
            raise

    return read


def taken_back(original: Any) -> Any:
    """Let nobody pull an argument once its call is answered."""

    async def lending(self: Any, outgoing: Any) -> Any:
        await self._lend(outgoing)
        try:
            return await self._call_without_link(outgoing)
        finally:
            self._settle(outgoing)

    return lending


def again(original: Any) -> Any:
    """Build anew while a frame is on its way."""

    def flush(self: Any) -> None:
        self._sending = False
        original(self)

    return flush


WIRES = "tests/acceptance/test_artifacts.py"

FAULTS: list[Fault] = [
    Fault(
        "readers-unbounded",
        "what comes for readers that take nothing is bounded for all of them together",
        {"chatixia.peer.artifacts.download:MAX_RECEIVED_BYTES": value(10**12)},
        (f"{DOWNLOAD}::test_readers_that_take_no_more_hold_a_bounded_number_of_bytes_together",),
    ),
    Fault(
        "artifact-hoarded",
        "no process holds an artifact whole",
        {"chatixia.client.artifact_files:PartFile.write": hoarding},
        (f"{WIRES}::test_a_file_comes_whole_and_no_process_holds_it[5 MB, 1 %]",),
    ),
    Fault(
        "artifact-from-the-start",
        "after a cut an artifact goes on where it stood",
        {"chatixia.core.transfer:Download.pull": from_the_start},
        (f"{WIRES}::test_a_cut_at_half_sends_next_to_nothing_twice[2 MB]",),
    ),
    Fault(
        "artifact-afresh",
        "a receiver that is killed goes on with the part that it has",
        {"chatixia.client.artifact_files:PartFile.open": afresh},
        (f"{WIRES}::test_a_receiver_that_is_killed_at_half_goes_on_there[2 MB]",),
    ),
    Fault(
        "artifact-half",
        "a full disk leaves no half file",
        {"chatixia.client.artifact_files:PartFile.remove": always(None)},
        (
            f"{WIRES}::test_a_full_disk_is_one_clear_error_at_both_ends_and_leaves_nothing",
            f"{FILES}::test_a_full_disk_leaves_no_half_file",
        ),
    ),
    Fault(
        "artifact-no-look-ahead",
        "an artifact that has no room is refused before a byte comes",
        {"chatixia.client.artifact_files:PartFile._fits": always(True)},
        (
            f"{FILES}::test_a_size_beyond_the_disk_is_refused_before_a_byte_comes",
            f"{FILES}::test_a_file_that_has_no_room_at_its_place_is_refused_though_its_part_would_fit",
        ),
    ),
    Fault(
        "artifact-dribbled",
        "a sender that dribbles holds its reader for a minute",
        {"chatixia.peer.artifacts.download:ActiveDownload.take": endless},
        (f"{DOWNLOAD}::test_a_sender_that_dribbles_is_given_up",),
    ),
    Fault(
        "artifact-read-ahead-kept",
        "a receiver that takes nothing keeps nothing in the sender's memory",
        {"chatixia.peer.artifacts.upload:ArtifactUploads._let_go": always(None)},
        (f"{UPLOAD}::test_a_receiver_that_takes_nothing_keeps_nothing_in_memory_here",),
    ),
    Fault(
        "artifact-in-scraps",
        "a file goes in whole chunks",
        {"chatixia.peer.artifacts.upload:READ_BYTES": value(128 * 1024)},
        (f"{UPLOAD}::test_a_file_goes_in_whole_chunks_and_one_rest",),
    ),
    Fault(
        "artifact-told-seldom",
        "beside calls the sender of an artifact hears often how far it is",
        {"chatixia.peer.artifacts.transfers:ArtifactTransfers._busy": always(False)},
        (f"{DOWNLOAD}::test_beside_calls_the_sender_hears_as_often_as_ever",),
    ),
    Fault(
        "artifact-in-turn-only",
        "chunks that come by a faster path than those before them are kept",
        {"chatixia.peer.artifacts.download:MAX_EARLY": value(0)},
        (f"{DOWNLOAD}::test_chunks_that_overtake_others_wait_for_them_and_nothing_goes_twice",),
    ),
    Fault(
        "artifact-gap-unseen",
        "a chunk that was lost is pulled again within a second",
        {"chatixia.peer.artifacts.download:ActiveDownload.patience": patient},
        (f"{DOWNLOAD}::test_a_chunk_that_was_lost_is_pulled_again_soon_where_later_ones_came",),
    ),
    Fault(
        "artifact-unchecked",
        "an artifact is what its sender described, or an error",
        {"chatixia.client.artifact_files:PartFile.finish": credulous},
        (
            f"{FILES}::test_bytes_with_another_hash_leave_nothing",
            f"{ARTIFACT}::test_a_wrong_hash_raises_with_the_last_step",
        ),
    ),
    Fault(
        "artifact-impatient",
        "over a slow link artifacts wait for their turn, and none is given up",
        {"chatixia.peer.artifacts.download:ArtifactDownloads._overdue": impatient},
        (f"{DOWNLOAD}::test_over_a_slow_link_each_waits_for_its_turn[64-1]",),
    ),
    Fault(
        "artifact-turn-lost",
        "an artifact that lost its turn is pulled again while others come",
        {"chatixia.peer.artifacts.download:ArtifactDownloads._overdue": trusting},
        (f"{DOWNLOAD}::test_one_of_several_that_was_lost_is_pulled_again_while_others_come",),
    ),
    Fault(
        "artifact-misplaced",
        "what was being read when the rest was let go of is read again",
        {"chatixia.peer.artifacts.upload:ArtifactUploads._let_go": misplaced},
        (f"{UPLOAD}::test_what_was_being_read_when_the_rest_was_let_go_of_is_read_again",),
    ),
    Fault(
        "artifact-one-pull",
        "readers at once of an artifact that is passed on do not stop each other",
        {"chatixia.client.artifact_sources:MAX_PULLS": value(1)},
        (f"{SOURCES}::test_readers_at_once_of_what_is_passed_on_do_not_begin_anew_for_each_other",),
    ),
    Fault(
        "artifact-unfinished-pull",
        "a read that ended early takes nothing from the next",
        {"chatixia.client.artifact_sources:FeedSource.read": unfinished},
        (f"{SOURCES}::test_a_read_that_ends_early_takes_nothing_from_the_next[cancelled]",),
    ),
    Fault(
        "artifact-forged",
        "user data is no artifact, however it looks",
        {"chatixia.client.references:find": wherever},
        ("tests/client/test_references.py::test_anything_else_is_user_data",),
    ),
    Fault(
        "artifact-name-is-path",
        "nothing is written outside the folder that was asked for",
        {"chatixia.client.artifact_files:safe_name": same},
        (f"{ARTIFACT}::test_a_label_with_a_path_writes_nothing_outside_the_folder",),
    ),
    Fault(
        "artifact-changed",
        "a file that was changed after it was sent is an error",
        {"chatixia.client.artifact_sources:signature": by_size},
        (f"{SOURCES}::test_a_file_of_the_same_size_that_took_its_place_is_seen",),
    ),
    Fault(
        "artifact-alone",
        "artifacts that go over one link at once do not stop each other",
        {"chatixia.peer.artifacts.download:ArtifactDownloads._tell_all": always(None)},
        (f"{DOWNLOAD}::test_as_many_as_may_be_come_side_by_side",),
    ),
    Fault(
        "artifact-held-for-nobody",
        "what results hold in memory has a share for each machine",
        {"chatixia.peer.artifacts.offers:ArtifactOffers._hold": always(None)},
        (
            "tests/peer/artifacts/test_offers.py::test_what_results_hold_in_memory_is_shared_by_machine",
        ),
    ),
    Fault(
        "artifact-unasked",
        "bytes move only when the receiver pulls",
        {"chatixia.core.transfer:Upload.room": unasked},
        (
            f"{TRANSFER}::test_nothing_is_sent_that_was_not_pulled",
            f"{UPLOAD}::test_a_receiver_that_grants_nothing_gets_nothing_more",
        ),
    ),
    Fault(
        "artifact-boundless",
        "who sends more than was asked for is disconnected",
        {"chatixia.core.transfer:Download.accept": boundless},
        (
            f"{TRANSFER}::test_more_bytes_than_the_artifact_has_are_refused",
            f"{DOWNLOAD}::test_bytes_that_were_not_asked_for_break_the_link",
        ),
    ),
    Fault(
        "artifact-greedy",
        "calls stay quick beside artifacts",
        {"chatixia.core.delay_window:DelayWindow._steer": alone},
        ("tests/core/test_delay_window.py::test_beside_calls_it_adds_little_delay",),
    ),
    Fault(
        "artifact-lingers",
        "an argument can be read until its call ends, and no longer",
        {"chatixia.peer.artifacts.offers:ArtifactOffers.withdraw": always(None)},
        (f"{ARTIFACT}::test_an_argument_can_be_read_until_its_call_ends",),
    ),
    Fault(
        "frame-built-twice",
        "a path that is low while it takes a frame gets none twice",
        {"chatixia.peer.sessions.channel:SessionChannel._flush": again},
        (
            (
                "tests/peer/sessions/test_channel.py::"
                "test_a_path_that_is_low_while_it_takes_a_frame_gets_none_twice"
            ),
        ),
    ),
    Fault(
        "artifact-taken-back",
        "an argument that is given back can be read like any answer",
        {"chatixia.peer.mesh:PeerMesh._lending": taken_back},
        (f"{ARTIFACT}::test_a_skill_may_give_back_what_it_was_given",),
    ),
    Fault(
        "artifact-too-large-for-queue",
        "the queue takes no more of artifacts than it says",
        {"chatixia.core.queued_artifacts:check_sizes": always(None)},
        ("tests/peer/artifacts/test_queued.py::test_more_than_the_queue_takes_is_refused",),
    ),
]
