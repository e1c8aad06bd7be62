"""The reading room: roles, hanging, worklist, keys, access."""
