"""VTK: volumes to pixels (slices) and to pictures (3D)."""
