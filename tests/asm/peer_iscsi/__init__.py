"""The iSCSI initiator in the bench against the scripted target, without a network between them.

``Link`` stands in for TCP: the initiator's send records become bytes for a ``romgen.target``
connection, and what that answers reaches ``iscsi_rx`` in pieces. Time is virtual.
"""

from peer_iscsi.link import Link, Raw
from peer_iscsi.target import RawConnection, RawLogin, login_reply, reply

__all__ = ["Link", "Raw", "RawConnection", "RawLogin", "login_reply", "reply"]
