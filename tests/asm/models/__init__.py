"""Models of hardware and peers, for the tests of the assembly."""
