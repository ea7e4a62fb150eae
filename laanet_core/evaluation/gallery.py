"""Sample crops with the predicted heat map over them, for the report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from laanet_core.evaluation.predict import Image, forward
from laanet_core.evaluation.tables import FrameScore
from laanet_core.media.shards import Shard, crop_members, encode_png, read_rgb
from laanet_core.model import LAANet
from laanet_core.work.outputs import clear_output, output_path

OPACITY = 0.7
GROUPS = ("fake_high", "fake_low", "real_high")

Heatmap = NDArray[np.float32]


class Scored(NamedTuple):
    """A scored video; label 1 is fake; mask_ssim is None for reals and unpaired fakes."""

    video_id: str
    label: int
    method: str
    score: float
    mask_ssim: float | None


class Chosen(NamedTuple):
    """One face of the gallery: its video, why it was chosen, and the frame shown."""

    video: Scored
    group: str
    shown: FrameScore


def choose(videos: Sequence[Scored], count: int) -> list[tuple[str, Scored]]:
    """At most `count` (group, video): a third each of the fakes scored highest, the fakes scored lowest and the reals scored highest."""
    sizes = [count // 3 + (place < count % 3) for place in range(3)]
    ranked = sorted(videos, key=lambda video: (-video.score, video.video_id))
    fakes, reals = ([video for video in ranked if video.label == label] for label in (1, 0))
    high, rest = fakes[: sizes[0]], fakes[sizes[0] :]
    low = rest[::-1][: sizes[1]]
    return [(group, video) for group, members in zip(GROUPS, (high, low, reals[: sizes[2]]), strict=True) for video in members]


def typical_frame(scores: Sequence[FrameScore]) -> FrameScore:
    """The face whose score is the median (the lower of two): neither the best nor the worst moment of the video."""
    ranked = sorted(scores, key=lambda item: (item.score, item.frame, item.face))
    return ranked[(len(ranked) - 1) // 2]


def overlay(image: Image, heatmap: Heatmap, scale: float) -> Image:
    """Heat map (h, w) in inferno colours over an RGB crop (H, W, 3); `scale` is the value of the brightest colour, drawn most opaque."""
    height, width = image.shape[:2]
    heat = cv2.resize(heatmap, (width, height), interpolation=cv2.INTER_LINEAR)
    level = np.clip(heat / scale, 0, 1) if scale > 0 else np.zeros_like(heat)
    colour = cv2.cvtColor(cv2.applyColorMap(np.rint(level * 255).astype(np.uint8), cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    alpha = OPACITY * level[..., None]
    return np.asarray(np.rint((1 - alpha) * image + alpha * colour), np.uint8)


def write_gallery(
    model: LAANet, videos: Sequence[Scored], frames: Mapping[str, Sequence[FrameScore]], crops: Path, count: int, out: Path
) -> None:
    """Fill a folder with `<nn>.png` and `<nn>_heatmap.png` of the chosen crops and `gallery.json`; all heat maps share one scale.

    A network without the heat-map head has none: their entries are null.
    """
    clear_output(out)
    chosen = [Chosen(video, group, typical_frame(frames[video.video_id])) for group, video in choose(videos, count)]
    images = [_read_face(crops, item) for item in chosen]
    heatmaps = [_heatmap(model, image) for image in images]
    scale = max((float(heatmap.max()) for heatmap in heatmaps if heatmap is not None), default=0.0)
    for number, (image, heatmap) in enumerate(zip(images, heatmaps, strict=True)):
        (out / f"{number:02d}.png").write_bytes(encode_png(image))
        if heatmap is not None:
            (out / f"{number:02d}_heatmap.png").write_bytes(encode_png(overlay(image, heatmap, scale)))
    items = [_description(number, item, heatmap) for number, (item, heatmap) in enumerate(zip(chosen, heatmaps, strict=True))]
    (out / "gallery.json").write_text(json.dumps({"heatmap_scale": round(scale, 4), "items": items}, indent=1) + "\n")


def _heatmap(model: LAANet, image: Image) -> Heatmap | None:
    """The predicted heat map of one crop."""
    heatmaps = forward(model, [image])[1]
    return None if heatmaps is None else heatmaps[0]


def _read_face(crops: Path, item: Chosen) -> Image:
    """The crop of the chosen face."""
    with Shard(output_path(crops, item.video.video_id, ".tar")) as shard:
        names = {(frame, face): name for name, frame, face in crop_members(shard)}
        return read_rgb(shard, names[item.shown.frame, item.shown.face])


def _description(number: int, item: Chosen, heatmap: Heatmap | None) -> dict[str, object]:
    """One entry of gallery.json."""
    file, peak = (None, None) if heatmap is None else (f"{number:02d}_heatmap.png", round(float(heatmap.max()), 4))
    return {
        "crop": f"{number:02d}.png", "heatmap": file, "group": item.group, "video_id": item.video.video_id,
        "label": item.video.label, "method": item.video.method, "video_score": item.video.score, "mask_ssim": item.video.mask_ssim,
        "frame": item.shown.frame, "face": item.shown.face, "frame_score": item.shown.score, "heatmap_max": peak,
    }  # fmt: skip
