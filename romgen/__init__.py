"""romgen: builds, reads, checks and boots iSCSI boot ROMs."""

__version__ = "0.1.0"
