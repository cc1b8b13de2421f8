"""Joining by a code: what a code is, how often it may be guessed, and what an approval must say.

Six digits are no secret, so a code only lets a machine ask. All wrong codes of a registry together
have a budget (trust.md section 4): a wrong guess belongs to no code, so a bound per code is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chatixia.errors import BadChain, BadRequest, BadSignature, Unprocessable
from chatixia.ids import MAX_MACHINE, id_problem, is_machine_id
from chatixia.wire import signed
from chatixia.wire.pairing import PairBegin, PairWait
from chatixia.wire.trust import Signed

from .membership import Member, check_chain
from .ports import Verify
from .record import KEY_BYTES

CODE_SECONDS: Final = 300
MOST_CODES: Final = 20
"""Codes that are good at the same time."""
MOST_WRONG: Final = 20
"""Wrong codes in :data:`WRONG_SECONDS`, of whatever address; then codes rest."""
WRONG_SECONDS: Final = 300.0
PENDING_SECONDS: Final = 3600
MOST_PENDING: Final = 1024
DIGITS: Final = 6


def code_of(random: bytes) -> str:
    """Six digits of at least 8 random bytes."""
    return f"{int.from_bytes(random) % 10**DIGITS:0{DIGITS}d}"


def read_code(text: str) -> str:
    """What somebody typed, without blanks and dashes. Raises BadRequest."""
    code = "".join(text.replace("-", " ").split())
    if len(code) != DIGITS or not (code.isascii() and code.isdigit()):
        raise BadRequest(f"A code has exactly {DIGITS} digits.")
    return code


def check_machine_name(name: str) -> None:
    """Refuse what can name no machine. Raises Unprocessable."""
    if not is_machine_id(name):
        problem = id_problem(name, MAX_MACHINE)
        raise Unprocessable(f"{name[:80]!r} cannot name a machine: {problem}.")


def check_begin(request: PairBegin, *, mesh: str, registry: bytes, verify: Verify) -> None:
    """Whether a machine proved its key over what it asks for, at this very registry.

    ``registry``: its raw key. Raises BadRequest, BadSignature, Unprocessable.
    """
    check_machine_name(request.name)
    sign, seal = signed.unb64(request.sign), signed.unb64(request.seal)
    if len(sign) != KEY_BYTES or len(seal) != KEY_BYTES:
        raise BadRequest(f"A key has {KEY_BYTES} bytes.")
    nonce = signed.unb64(request.nonce)
    data = signed.pair(mesh=mesh, registry=registry, name=request.name, seal=seal, nonce=nonce)
    if not verify(sign, signed.PAIR, data, signed.unb64(request.sig)):
        raise BadSignature(f"{request.name} did not prove its key.")


def check_wait(request: PairWait, sign: bytes, *, mesh: str, verify: Verify) -> None:
    """Whether who asks after a pairing has its raw key ``sign``. Raises BadSignature."""
    nonce = signed.unb64(request.nonce)
    data = signed.pairing(mesh=mesh, pairing_id=request.id, nonce=nonce)
    if not verify(sign, signed.PAIR, data, signed.unb64(request.sig)):
        raise BadSignature("Another machine asked for this.")


def check_approval(
    chain: Sequence[Signed],
    *,
    name: str,
    sign: bytes,
    seal: bytes,
    mesh: str,
    now: float,
    verify: Verify,
    registry: bytes = b"",
) -> Member:
    """The machine that an owner's record makes of the one that asked, by its very keys.

    For the registry that keeps the record and for the machine that gets it. ``registry``: the raw
    key of one that may have signed it, where the owner delegated that. Raises what
    :func:`check_chain` does, and BadChain for a record of another machine.
    """
    member = check_chain(chain, mesh=mesh, now=now, verify=verify)
    by_registry = registry and member.signer == registry
    if member.kind != "machine" or not (by_registry or member.records[1].kind == "owner"):
        raise BadChain("Only a machine's record that the owner signed approves a machine.")
    if (member.id, member.sign, member.seal) != (name, sign, seal):
        raise BadChain(f"This record is not of the machine that asked to be {name}.")
    return member
