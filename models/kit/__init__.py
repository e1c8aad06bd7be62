"""What the training programs beside the model packages share. No package holds any of it.

A training program puts the repository's root on ``sys.path`` and imports ``models.kit.<module>``.
Modules that need torch: ``unet``, ``unet2d``, ``unet3d``, ``export``, ``schedule``. The others need
what the workstation needs, ``int8`` also ``onnx``.
"""
