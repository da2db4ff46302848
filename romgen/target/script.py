"""What a scripted target does: parameters that it negotiates, accounts, and faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


@dataclass(frozen=True)
class Account:
    """A CHAP user name and its secret (bytes as hashed, not hex)."""

    name: str
    secret: bytes


class Act(Enum):
    """What happens when a fault's turn has come."""

    CLOSE = "close"  # FIN
    RESET = "reset"  # RST
    SILENCE = "silence"  # no answer to anything on this connection
    SENSE = "sense"  # CHECK CONDITION with `sense` (key, ASC, ASCQ)
    SENSE_DESCRIPTOR = "sense-descriptor"  # the same in descriptor format
    STATUS = "status"  # SCSI status `value`, no sense
    RESPONSE = "response"  # iSCSI response code `value` (not 0)
    HEADER_DIGEST = "header-digest"  # a wrong header digest
    DATA_DIGEST = "data-digest"  # a wrong data digest
    ASYNC = "async"  # asynchronous message, event `value`, before the answer
    REJECT = "reject"  # Reject with reason `value` in place of the answer
    PING = "ping"  # a NOP-In that wants an answer, before the answer
    SHORT = "short"  # `value` bytes less than asked for, with the right residual
    LIE_SHORT = "lie-short"  # `value` bytes less, status GOOD and no residual
    DATA_SN = "data-sn"  # a gap in DataSN
    OFFSET = "offset"  # a wrong buffer offset
    WINDOW = "window"  # close the command window for `value` milliseconds
    DELAY = "delay"  # answer `value` milliseconds late


@dataclass(frozen=True)
class Fault:
    """``act`` at the n-th command (from 1) with this opcode (None: any), counted over the target's
    life; ``times`` times in a row (0: for ever)."""

    act: Act
    at: int = 1
    opcode: int | None = None
    times: int = 1
    value: int = 0
    sense: tuple[int, int, int] = (0, 0, 0)


@dataclass
class Script:
    """Everything about a target that a test chooses.  Lengths in bytes, times in seconds."""

    name: str = "iqn.2026-01.test.romgen:scripted"
    portal_group: int = 1
    # login
    auth: str = "None"  # None, CHAP (required), CHAP,None (initiator may skip)
    user: Account | None = None  # what the initiator must prove
    mutual: Account | None = None  # what the target proves when it is asked
    chap_algorithms: tuple[int, ...] = (7, 6, 5)  # accepted, in order of preference
    chap_base64: bool = False  # binary values as 0b
    reflect_challenge: bool = False  # an attack: answer with the initiator's own challenge
    wrong_mutual: bool = False  # a proof made with another secret
    skip_mutual: bool = False  # goes on without its proof
    redirect: str = ""  # TargetAddress of a redirect
    redirect_permanent: bool = False
    redirect_logins: int = 1  # how many logins are redirected, 0: all
    login_status: tuple[int, int] = (0, 0)  # refuse with class, detail
    login_status_times: int = 0  # how many logins are refused, 0: all (where login_status is set)
    login_silence: bool = False  # accepts the connection, never answers
    text_split: int = 0  # send login text in pieces of that many bytes with the C bit
    extra_keys: tuple[str, ...] = ()  # sent in the operational stage
    # parameters
    header_digest: tuple[str, ...] = ("CRC32C", "None")  # what is supported
    data_digest: tuple[str, ...] = ("CRC32C", "None")
    initial_r2t: bool = False
    immediate_data: bool = True
    max_recv: int = 262144
    max_burst: int = 262144
    first_burst: int = 65536
    max_outstanding_r2t: int = 1
    # full feature phase
    max_data_in: int = 0  # longest Data-In payload, 0: the initiator's limit
    status_in_data: bool = True  # status with the last Data-In, else a Response of its own
    queue_depth: int = 32
    nop_interval: float = 0.0  # NOP-In pings while idle, 0: none
    nop_timeout: float = 5.0  # drop the connection when a ping is not answered
    idle_limit: float = 0.0  # without nop_interval: `idle_act` after so long without a PDU, 0: none
    idle_act: Act = Act.CLOSE  # CLOSE, RESET, or ASYNC: asks for a logout, and closes without one
    attention_after_login: bool = True  # UNIT ATTENTION 29/00 at the first command of a session
    faults: list[Fault] = field(default_factory=list)
