"""The command line over the same rooms as the window: no Qt, no VTK, no model runtime."""
