"""Sample crops with the predicted heat map and Grad-CAM over them, for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from laanet_core.evaluation.evaluate import ScoredVideo
from laanet_core.evaluation.scoring import FrameScore
from laanet_core.explanation.grad_cam import Explanation, explain
from laanet_core.explanation.overlay import Colours, overlay
from laanet_core.media.storage.shards import Shard, crop_members, encode_png, read_rgb
from laanet_core.model import LAANet
from laanet_core.runtime.executor import one_thread
from laanet_core.store.outputs import clear_output, output_path
from laanet_core.store.writing import write_bytes, write_json
from laanet_core.types import Image

GROUPS = ("fake_high", "fake_low", "real_high")
SUFFIXES = {"crop": "", "heatmap": "_heatmap", "gradcam": "_gradcam"}


class Crops(NamedTuple):
    """A data set's crops: the folder of shards, and video_id -> digest of a shard's content."""

    folder: Path
    digests: Mapping[str, str]


class Chosen(NamedTuple):
    """One face of the gallery: its video, why it was chosen, and the frame shown."""

    video: ScoredVideo
    group: str
    shown: FrameScore


def choose(videos: Sequence[ScoredVideo], count: int) -> list[tuple[str, ScoredVideo]]:
    """At most `count` (group, video): a third each of the fakes scored highest, the fakes scored lowest and the reals scored highest.

    Where fakes are few, at most half of them, rounded up, count as scored highest: the lowest are never left out for them.
    """
    sizes = [count // 3 + (place < count % 3) for place in range(3)]
    ranked = sorted(videos, key=lambda video: (-video.score, video.video_id))
    fakes, reals = ([video for video in ranked if video.label == label] for label in (1, 0))
    n_high = min(sizes[0], (len(fakes) + 1) // 2)
    low = fakes[n_high:][::-1][: sizes[1]]
    return [(group, video) for group, members in zip(GROUPS, (fakes[:n_high], low, reals[: sizes[2]]), strict=True) for video in members]


def typical_frame(scores: Sequence[FrameScore]) -> FrameScore:
    """The face whose score is the median (the lower of two): neither the best nor the worst moment of the video."""
    ranked = sorted(scores, key=lambda item: (item.score, item.frame, item.face))
    return ranked[(len(ranked) - 1) // 2]


def write_gallery(
    model: LAANet, videos: Sequence[ScoredVideo], frames: Mapping[str, Sequence[FrameScore]], crops: Crops, count: int, out: Path
) -> None:
    """Fill a folder with `<nn>.png`, `<nn>_heatmap.png` and `<nn>_gradcam.png` of the chosen crops, and `gallery.json`.

    All heat maps share one scale; each Grad-CAM is relative to its own maximum. What a network has not, the heat-map head or maps to
    take Grad-CAM of, is null in the entries.
    """
    clear_output(out)
    chosen = [Chosen(video, group, typical_frame(frames[video.video_id])) for group, video in choose(videos, count)]
    images = [_read_face(crops, item) for item in chosen]
    with one_thread():
        seen = [explain(model, image) for image in images]
    scale = max((float(each.heatmap.max()) for each in seen if each.heatmap is not None), default=0.0)
    items = []
    for number, (item, image, explanation) in enumerate(zip(chosen, images, seen, strict=True)):
        files = _write_pictures(image, explanation, scale, out, f"{number:02d}")
        items.append({**files, **_description(item, explanation)})
    write_json(out / "gallery.json", {"heatmap_scale": round(scale, 4), "items": items}, indent=1)


def _write_pictures(image: Image, explanation: Explanation, scale: float, out: Path, stem: str) -> dict[str, str | None]:
    """Write the pictures of one face; returns the name of each one's file, None where there is no such picture."""
    heatmap, gradcam = explanation.heatmap, explanation.gradcam
    pictures = {
        "crop": image,
        "heatmap": None if heatmap is None else overlay(image, heatmap, scale, Colours.HEATMAP),
        "gradcam": None if gradcam is None else overlay(image, gradcam, 1, Colours.GRADCAM),
    }
    names = {kind: None if picture is None else f"{stem}{SUFFIXES[kind]}.png" for kind, picture in pictures.items()}
    for kind, picture in pictures.items():
        if picture is not None:
            write_bytes(out / f"{stem}{SUFFIXES[kind]}.png", encode_png(picture))
    return names


def _read_face(crops: Crops, item: Chosen) -> Image:
    """The crop of the chosen face."""
    video_id = item.video.video_id
    with Shard(output_path(crops.folder, video_id, ".tar"), crops.digests[video_id]) as shard:
        names = {(frame, face): name for name, frame, face in crop_members(shard)}
        return read_rgb(shard, names[item.shown.frame, item.shown.face])


def _description(item: Chosen, explanation: Explanation) -> dict[str, object]:
    """One entry of gallery.json, but for its files."""
    heatmap = explanation.heatmap
    return {
        "group": item.group, "video_id": item.video.video_id, "label": item.video.label, "method": item.video.method,
        "video_score": item.video.score, "mask_ssim": item.video.mask_ssim, "frame": item.shown.frame, "face": item.shown.face,
        "frame_score": item.shown.score, "heatmap_max": None if heatmap is None else round(float(heatmap.max()), 4),
    }  # fmt: skip
