"""Coverage-guided fuzzing of everything in the ROM that parses bytes from outside."""
