"""Real operating systems on an iSCSI disk: their images are built here, and booted through the ROM.

Everything comes from Debian's packages. What is built is kept in the cache, by its content's key.
"""
