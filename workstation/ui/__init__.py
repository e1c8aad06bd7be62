"""Qt panels: one file a panel; the window only lays them out."""
