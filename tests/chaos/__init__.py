"""Chaos test: random events at random times of a run (kills, a full disk, edits, a concurrent second run) must not corrupt any result.

`make chaos N=100 SEED=1`, or `python -m tests.chaos --help`. The events are drawn from a seed first (`plan`), so that the same seed gives
the same events. Each event then disturbs a run in progress (`running`, `events`); the project is repaired as a user would do it (`tidy`,
then `dvc repro`) and checked (`checks`) against an undisturbed run with the same parameters (`reference`).
"""
