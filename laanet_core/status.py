"""What became of a video: every stage writes one of these for every row of the index."""

from enum import StrEnum


class Status(StrEnum):
    """Outcome of a video in a stage; anything but OK comes with a reason in words."""

    OK = "ok"
    UNREADABLE = "unreadable"
    TOO_FEW_FRAMES = "too_few_frames"
    NO_FACE = "no_face"
    NO_LANDMARKS = "no_landmarks"
    NO_SOURCE = "no_source"
