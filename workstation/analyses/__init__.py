"""Pure plug-ins from arrays to numbers, found by inspection."""
