"""Adapters to DICOM; the only place that imports pydicom, pynetdicom and highdicom."""
