"""Tests of laanet_core and stages without DVC, a folder for each package."""
