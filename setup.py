"""Everything is in setup.cfg; this file lets every pip install it in place."""

from setuptools import setup

setup()
