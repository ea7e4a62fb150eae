"""Random events at random moments of a run: kills, a full disk, edits and a second run under the first must cost no result.

`make chaos N=100 SEED=1`, or `python -m tests.chaos --help`. What is meant to happen is drawn first (`plan`), from a seed alone, so that
the same seed gives the same events; each then meets a run that is in progress (`running`, `events`), is mended as a user would (`tidy`)
by `dvc repro`, and is checked (`checks`) against an undisturbed run of the same parameters (`reference`).
"""
