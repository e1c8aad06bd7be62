"""The rooms that a study walks through, one verb a file; ``line`` is the whole walk."""
