"""Faces of the gallery: the crop, the network's predicted heat map and Grad-CAM side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from laanet_core.explanation.gallery import GROUPS
from laanet_core.reporting.pictures import Picture, thumbnail
from laanet_core.reporting.results import DatasetResult


class FaceCard(NamedTuple):
    """One face. pictures: crop, then heat map and Grad-CAM if the network has them; text: its description; right: whether the video is
    classified correctly at the threshold."""

    pictures: list[Picture]
    video_id: str
    text: str
    right: bool


def faces_of(result: DatasetResult) -> dict[str, list[FaceCard]]:
    """The faces of each group of the gallery: highest-scored fakes, lowest-scored fakes and highest-scored real videos."""
    groups: dict[str, list[FaceCard]] = {group: [] for group in GROUPS}
    for item in result.gallery["items"]:
        groups[item["group"]].append(_face(item, result.gallery_folder, result.threshold))
    return groups


def _face(item: Mapping[str, Any], folder: Path, threshold: float) -> FaceCard:
    kind = f"fake, {item['method']}" if item["label"] else "real"
    as_fake = item["video_score"] >= threshold
    quality = f"; Mask-SSIM {item['mask_ssim']:.2f}" if item["mask_ssim"] is not None else ""
    text = f"{kind}{quality}; frame {item['frame']}; score {item['video_score']:.3f}, classified as {'fake' if as_fake else 'real'}"
    crop = Picture(thumbnail(folder / item["crop"]), f"Face crop, frame {item['frame']} of {item['video_id']} ({kind}).", "crop")
    return FaceCard([crop, *_maps(item, folder)], item["video_id"], text, as_fake == bool(item["label"]))


def _maps(item: Mapping[str, Any], folder: Path) -> list[Picture]:
    """Heat map and Grad-CAM over the crop, if the network has them."""
    maps = []
    if item["heatmap"] is not None:
        caption = f"heat map, maximum {item['heatmap_max']:.2f}"
        maps.append(Picture(thumbnail(folder / item["heatmap"]), f"The same crop with its predicted {caption}.", caption))
    if item["gradcam"] is not None:
        maps.append(Picture(thumbnail(folder / item["gradcam"]), "The same crop with the Grad-CAM of its fake logit.", "Grad-CAM"))
    return maps
