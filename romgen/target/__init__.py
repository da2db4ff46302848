"""A scripted iSCSI target: a correct target that can be told to misbehave on demand.

``romgen.target.server.Target`` serves a disk on a loopback port; ``romgen.target.script.Script``
says what it negotiates and which faults it makes.  It is a target of its own (RFC 7143, SPC-3,
SBC-2), checked against libiscsi's tools, not a mirror of the ROM's initiator.
"""

from romgen.target.disk import Disk
from romgen.target.script import Account, Fault, Script
from romgen.target.server import Target

__all__ = ["Account", "Disk", "Fault", "Script", "Target"]
