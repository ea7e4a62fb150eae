"""Faces of the gallery: the crop, the network's own heat map and Grad-CAM side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from laanet_core.explanation.gallery import GROUPS
from laanet_core.reporting.pictures import Picture, thumbnail
from laanet_core.reporting.results import DatasetResult


class FaceCard(NamedTuple):
    """One face: its pictures (crop, heat map, Grad-CAM; those there are), what it is in words, and whether the call on it is right."""

    pictures: list[Picture]
    video_id: str
    text: str
    right: bool


def faces_of(result: DatasetResult) -> dict[str, list[FaceCard]]:
    """Each group of the gallery with its faces: the fakes scored highest, the fakes scored lowest, the reals scored highest."""
    groups: dict[str, list[FaceCard]] = {group: [] for group in GROUPS}
    for item in result.gallery["items"]:
        groups[item["group"]].append(_face(item, result.gallery_folder, result.threshold))
    return groups


def _face(item: Mapping[str, Any], folder: Path, threshold: float) -> FaceCard:
    kind = f"fake, {item['method']}" if item["label"] else "real"
    called_fake = item["video_score"] >= threshold
    quality = f", Mask-SSIM {item['mask_ssim']:.2f}" if item["mask_ssim"] is not None else ""
    text = f"{kind}; score {item['video_score']:.3f}, called {'fake' if called_fake else 'real'}{quality}; frame {item['frame']}"
    crop = Picture(thumbnail(folder / item["crop"]), f"Face crop, frame {item['frame']} of {item['video_id']} ({kind}).", "crop")
    return FaceCard([crop, *_maps(item, folder)], item["video_id"], text, called_fake == bool(item["label"]))


def _maps(item: Mapping[str, Any], folder: Path) -> list[Picture]:
    """The maps over the crop, where the network has them."""
    maps = []
    if item["heatmap"] is not None:
        peak = f"heat map, up to {item['heatmap_max']:.2f}"
        maps.append(Picture(thumbnail(folder / item["heatmap"]), f"The same crop under its predicted {peak}.", peak))
    if item["gradcam"] is not None:
        maps.append(Picture(thumbnail(folder / item["gradcam"]), "The same crop under the Grad-CAM of its fake logit.", "Grad-CAM"))
    return maps
