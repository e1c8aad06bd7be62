"""The only persistence: an index in SQLite, files named by hash."""
