"""Choice of the faces in the report's gallery, and drawing of maps over them."""

import numpy as np
import pytest

from laanet_core.evaluation.evaluate import ScoredVideo
from laanet_core.evaluation.scoring import FrameScore
from laanet_core.explanation.gallery import choose, typical_frame
from laanet_core.explanation.overlay import overlay


def test_gallery_takes_highest_and_lowest_fakes_and_highest_reals_once_each() -> None:
    videos = [ScoredVideo(f"f{score}", 1, "swap", score, None) for score in (0.9, 0.2, 0.7, 0.5)]
    videos += [ScoredVideo(f"r{score}", 0, "real", score, None) for score in (0.1, 0.6)]
    chosen = [(group, video.video_id) for group, video in choose(videos, 6)]
    assert chosen == [
        ("fake_high", "f0.9"), ("fake_high", "f0.7"), ("fake_low", "f0.2"), ("fake_low", "f0.5"),
        ("real_high", "r0.6"), ("real_high", "r0.1"),
    ]  # fmt: skip
    assert [video.video_id for _, video in choose(videos, 1)] == ["f0.9"]
    assert choose(videos, 0) == []
    assert len(choose(videos, 100)) == 6


def test_the_lowest_fakes_are_shown_even_if_fakes_are_few() -> None:
    videos = [ScoredVideo(f"f{score}", 1, "swap", score, None) for score in (0.9, 0.02, 0.7)]
    chosen = [(group, video.video_id) for group, video in choose(videos, 12)]
    assert chosen == [("fake_high", "f0.9"), ("fake_high", "f0.7"), ("fake_low", "f0.02")]


def test_shown_frame_has_the_median_score() -> None:
    scores = [FrameScore(frame, 0, 0.0, score) for frame, score in enumerate((0.9, 0.1, 0.5, 0.4))]
    assert typical_frame(scores).frame == 3


def test_overlay_keeps_the_image_where_the_map_is_zero_and_colours_its_peak() -> None:
    image = np.full((32, 32, 3), 90, np.uint8)
    heatmap = np.zeros((8, 8), np.float32)
    assert (overlay(image, heatmap, 0.5) == image).all()
    assert (overlay(image, heatmap, 0.0) == image).all()
    heatmap[6, 1] = 0.5
    drawn = overlay(image, heatmap, 0.5)
    changed = np.argwhere((drawn != image).any(axis=2))
    assert changed.mean(axis=0) == pytest.approx([6 * 4 + 1.5, 1 * 4 + 1.5], abs=0.6)
    red, _, blue = drawn[25, 5].tolist()
    assert red > 150
    assert blue < 60
