"""romgen: builds, reads, checks and boots iSCSI boot ROMs."""

# The one source of the version: `MAJOR.MINOR.PATCH` or with `-rc1` behind it, 13 characters.
__version__ = "0.1.0"
# Rises with a release that mends a hole; flash tools can refuse what is lower. Never falls.
__security_epoch__ = 0
