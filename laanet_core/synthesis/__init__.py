"""Pseudo-fakes and their targets."""
