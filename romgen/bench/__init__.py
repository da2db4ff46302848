"""The benchmark: our ROM and another one through the same machine, in turn."""
