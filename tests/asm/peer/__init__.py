"""The other side of the wire, in Python, from the RFCs; shares only `romgen.formats`."""
