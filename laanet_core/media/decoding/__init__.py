"""Decoding: frames of videos, pictures and folders of pictures."""
