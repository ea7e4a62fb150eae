"""Tests of the real DVC pipeline, in copies of this project."""
