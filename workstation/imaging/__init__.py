"""Pure image operations that adapters share: numpy and scipy on arrays (z, y, x), no files."""
