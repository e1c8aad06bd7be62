"""Models of other tools made into packages: nnU-Net v2, MONAI bundles, TotalSegmentator folders.

Nothing of a foreign folder is executed. Its configuration is read by a closed vocabulary, its
weights as tensors alone, its network is built from a closed table; what has no counterpart is
named in the refusal. torch and what builds on it are imported here only, inside functions.
"""
