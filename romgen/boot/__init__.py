"""Boots an image in QEMU against a private iSCSI target and says what happened.

guest, pattern, disk: what is booted. tgt, peers: where it comes from. qemu, console: the machine.
pcap, phases, report: what happened. run, scenario: all of it together.
"""
