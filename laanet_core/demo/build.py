"""Construction of the demo data set: real clips, and face swaps together with the clips they were made from.

A fake and its source clip are encoded with the same settings from the same decoded frames, so that a second compression cannot
reveal a fake. Every file is an item of the work folder, so an interrupted run can be resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from laanet_core.assets import fetch_pinned
from laanet_core.assets.pinned import PINNED
from laanet_core.demo.cast import CLIPS, FAKES, Clip, Fake
from laanet_core.demo.clips import clip_frames, write_video
from laanet_core.demo.faceswap import FaceImage, control_points, swap_face, triangulate
from laanet_core.demo.tracks import track_face
from laanet_core.errors import LaanetError
from laanet_core.params import DemoParams
from laanet_core.store.code import code_key
from laanet_core.store.csv_io import write_table
from laanet_core.store.digests import file_digest
from laanet_core.store.items import run_items
from laanet_core.store.outputs import clear_output, link_item
from laanet_core.store.work_dir import WorkDir, item_key
from laanet_core.store.writing import write_json, write_text

COLUMNS = ["path", "label", "method", "split", "source", "person", "origin"]
TABLE, NOTE = "demo.csv", "NOTE.txt"
ASSETS = ("retinaface_mobilenet", "dlib_68_landmarks")


@dataclass(frozen=True)
class Recipe:
    """Everything that determines the frames of one clip. media: file of the clip's video or image."""

    clip: Clip
    media: Path
    params: DemoParams
    seed: int

    def frames(self) -> list[NDArray[np.uint8]]:
        """The clip's RGB frames (H, W, 3)."""
        return clip_frames(self.clip, self.media, self.params.seconds, self.seed)


@dataclass(frozen=True)
class Swap:
    """Task of a worker: one face swap with both clips and the files of their landmark tracks."""

    fake: Fake
    target: Recipe
    donor: Recipe
    target_track: Path
    donor_track: Path


def build_demo(params: DemoParams, seed: int, paths: Mapping[str, str], assets: Path, out: Path, work: Path, executor: Executor) -> None:
    """Write the demo data set to `out` and its list of files to `out` + `.json`.

    paths: local files of the user for pinned media; assets: folder with RetinaFace and dlib's predictor; out: emptied first;
    work: the work folder. If `params.enabled` is false, `out` contains only a note.
    Raises LaanetError for media that cannot be obtained.
    """
    if params.enabled:
        media = fetch_pinned([clip.media for clip in CLIPS], paths, work / "assets")
        recipes = {clip.name: Recipe(clip, media[clip.media], params, seed) for clip in CLIPS}
        files = _make_clips(recipes, work, executor)
        files |= _make_fakes(recipes, _make_tracks(recipes, assets, work, executor), work, executor)
    else:
        files = {}
    _assemble(files, out)


def _make_clips(recipes: Mapping[str, Recipe], work: Path, executor: Executor) -> dict[str, Path]:
    """Encode every real clip; return path in the data set -> finished video."""
    keys = {recipe.clip.path: _key(recipe, _make_clip) for recipe in recipes.values()}
    tasks = {recipe.clip.path: recipe for recipe in recipes.values()}
    return _run(WorkDir("demo/clips", work), keys, _make_clip, tasks, executor, "demo clips")


def _key(recipe: Recipe, make: Callable[[Any, Path], None]) -> str:
    """Return the key of the item that `make` computes from the frames of a recipe."""
    parts = {"clip": asdict(recipe.clip), "media": PINNED[recipe.clip.media].sha256, "params": recipe.params.model_dump()}
    return item_key(**parts, seed=recipe.seed, code=code_key(make))


def _make_tracks(recipes: Mapping[str, Recipe], assets: Path, work: Path, executor: Executor) -> dict[str, Path]:
    """Track the face in every clip used in a face swap; return clip name -> file of its landmarks over time."""
    clips = {name for fake in FAKES for name in (fake.target, fake.donor)}
    models = [file_digest(file) for name in ASSETS for file in sorted((assets / name).glob("*"))]
    keys = {name: item_key(frames=_key(recipes[name], _make_track), models=models) for name in sorted(clips)}
    tasks = {name: (recipes[name], assets) for name in keys}
    return _run(WorkDir("demo/tracks", work), keys, _make_track, tasks, executor, "demo landmarks")


def _make_fakes(recipes: Mapping[str, Recipe], tracks: Mapping[str, Path], work: Path, executor: Executor) -> dict[str, Path]:
    """Encode every face swap; return path in the data set -> finished video."""
    tasks = {
        fake.path: Swap(fake, recipes[fake.target], recipes[fake.donor], tracks[fake.target], tracks[fake.donor]) for fake in FAKES
    }  # fmt: skip
    code = code_key(_make_fake)
    keys = {
        path: item_key(fake=asdict(swap.fake), target=swap.target_track.name, donor=swap.donor_track.name, code=code)
        for path, swap in tasks.items()
    }
    return _run(WorkDir("demo/fakes", work), keys, _make_fake, tasks, executor, "demo face swaps")


def _run(
    work: WorkDir, keys: Mapping[str, str], make: Callable[[Any, Path], None], tasks: Mapping[str, Any], executor: Executor, label: str
) -> dict[str, Path]:
    """Compute the items of one step under its lock."""
    with work.lock():
        return run_items(work, keys, make, tasks, executor, label)


def _make_clip(recipe: Recipe, path: Path) -> None:
    """Encode one real clip."""
    write_video(recipe.frames(), path, recipe.params.crf)


def _make_track(task: tuple[Recipe, Path], path: Path) -> None:
    """Save the landmarks (n, 68, 2) of one clip."""
    recipe, assets = task
    track = track_face(recipe.frames(), assets)
    if not np.isfinite(track).any():
        raise LaanetError(f"demo clip '{recipe.clip.name}': no face was found; remove data/assets and run 'dvc repro assets'.")
    with path.open("wb") as file:
        np.save(file, track, allow_pickle=False)


def _make_fake(swap: Swap, path: Path) -> None:
    """Encode one face swap; frames in which the target has no face are left unchanged."""
    donor, track = _donor_face(swap), np.load(swap.target_track, allow_pickle=False)
    triangles = triangulate(control_points(np.nanmean(track, axis=0)))
    frames = [
        swap_face(frame, landmarks, donor, triangles, swap.fake.method) if np.isfinite(landmarks).all() else frame
        for frame, landmarks in zip(swap.target.frames(), track, strict=True)
    ]
    write_video(frames, path, swap.target.params.crf)


def _donor_face(swap: Swap) -> FaceImage:
    """Return the donor's first frame with a face; one image is used for the entire fake to avoid flicker."""
    track = np.load(swap.donor_track, allow_pickle=False)
    number = int(np.flatnonzero(np.isfinite(track).all(axis=(1, 2)))[0])
    return FaceImage(swap.donor.frames()[number], control_points(track[number]))


def _assemble(files: Mapping[str, Path], out: Path) -> None:
    """Link the finished files into the data set, and write its table (or a note if there are none) and the list of its files."""
    clear_output(out)
    for path, item in files.items():
        link_item(item, out / path)
    if files:
        write_table(out / TABLE, COLUMNS, sorted([*map(_clip_row, CLIPS), *map(_fake_row, FAKES)], key=lambda row: str(row["path"])))
    else:
        write_text(out / NOTE, "demo.enabled is false in params.yaml: the embedded data set was not built.\n")
    listing = {"clips": [[path, file_digest(item)] for path, item in sorted(files.items())]}
    write_json(out.with_suffix(".json"), listing, indent=1)


def _clip_row(clip: Clip) -> dict[str, Any]:
    """Create the table row of a real clip."""
    pinned = PINNED[clip.media]
    origin = f"{pinned.package.name} {pinned.package.version}: {pinned.member}"
    return {
        "path": clip.path, "label": 0, "method": "real", "split": clip.split, "source": "", "person": clip.person, "origin": origin,
    }  # fmt: skip


def _fake_row(fake: Fake) -> dict[str, Any]:
    """Create the table row of a face swap."""
    clips = {clip.name: clip for clip in CLIPS}
    target, donor = clips[fake.target], clips[fake.donor]
    return {
        "path": fake.path, "label": 1, "method": fake.method, "split": target.split, "source": target.path,
        "person": "", "origin": f"face swap: {donor.path} into {target.path}",
    }  # fmt: skip
