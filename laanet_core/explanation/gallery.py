"""Gallery of the report: sample crops with the predicted heat map and Grad-CAM over them."""

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
    """A data set's crops: the folder of shards, and video_id -> digest of the contents of its shard."""

    folder: Path
    digests: Mapping[str, str]


class Chosen(NamedTuple):
    """One face of the gallery: its video, the group it was chosen for, and the frame shown."""

    video: ScoredVideo
    group: str
    shown: FrameScore


def choose(videos: Sequence[ScoredVideo], count: int) -> list[tuple[str, ScoredVideo]]:
    """At most `count` pairs (group, video): a third each of the highest-scored fakes, lowest-scored fakes and highest-scored reals.

    If there are few fakes, at most half of them, rounded up, go into the highest-scored group, so that the lowest-scored ones are
    always shown.
    """
    sizes = [count // 3 + (place < count % 3) for place in range(3)]
    ranked = sorted(videos, key=lambda video: (-video.score, video.video_id))
    fakes, reals = ([video for video in ranked if video.label == label] for label in (1, 0))
    n_high = min(sizes[0], (len(fakes) + 1) // 2)
    low = fakes[n_high:][::-1][: sizes[1]]
    return [(group, video) for group, members in zip(GROUPS, (fakes[:n_high], low, reals[: sizes[2]]), strict=True) for video in members]


def typical_frame(scores: Sequence[FrameScore]) -> FrameScore:
    """The face with the median score of the video (the lower of two): neither its best nor its worst frame."""
    ranked = sorted(scores, key=lambda item: (item.score, item.frame, item.face))
    return ranked[(len(ranked) - 1) // 2]


def write_gallery(
    model: LAANet, videos: Sequence[ScoredVideo], frames: Mapping[str, Sequence[FrameScore]], crops: Crops, count: int, out: Path
) -> None:
    """Write `<nn>.png`, `<nn>_heatmap.png` and `<nn>_gradcam.png` of the chosen crops, and `gallery.json`, into an emptied folder.

    All heat maps share one scale; each Grad-CAM is divided by its own maximum. If the network has no heat-map head, or no feature maps
    for Grad-CAM, the entries of gallery.json are null there.
    """
    clear_output(out)
    chosen = [Chosen(video, group, typical_frame(frames[video.video_id])) for group, video in choose(videos, count)]
    images = [_read_face(crops, item) for item in chosen]
    with one_thread():
        explanations = [explain(model, image) for image in images]
    scale = max((float(face.heatmap.max()) for face in explanations if face.heatmap is not None), default=0.0)
    items = []
    for number, (item, image, explanation) in enumerate(zip(chosen, images, explanations, strict=True)):
        files = _write_pictures(image, explanation, scale, out, f"{number:02d}")
        items.append({**files, **_description(item, explanation)})
    write_json(out / "gallery.json", {"heatmap_scale": round(scale, 4), "items": items}, indent=1)


def _write_pictures(image: Image, explanation: Explanation, scale: float, out: Path, stem: str) -> dict[str, str | None]:
    """Write the pictures of one face; returns the file name of each, None for a picture that does not exist."""
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
    """One entry of gallery.json without its file names."""
    heatmap = explanation.heatmap
    return {
        "group": item.group, "video_id": item.video.video_id, "label": item.video.label, "method": item.video.method,
        "video_score": item.video.score, "mask_ssim": item.video.mask_ssim, "frame": item.shown.frame, "face": item.shown.face,
        "frame_score": item.shown.score, "heatmap_max": None if heatmap is None else round(float(heatmap.max()), 4),
    }  # fmt: skip
