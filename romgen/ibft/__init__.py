"""The iBFT as a reader of the machine sees it: found in memory, taken apart, checked, shown."""

from romgen.ibft.find import find
from romgen.ibft.model import Finding, Initiator, Nic, Table, Target
from romgen.ibft.parse import parse

__all__ = ["Finding", "Initiator", "Nic", "Table", "Target", "find", "parse"]
