"""Faces of frames: detection, crops, landmarks."""
