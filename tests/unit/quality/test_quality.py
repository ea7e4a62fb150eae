"""Mask-SSIM: values against SSIM computed by hand, the head mask, and a row for every fake, measured or failed."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
from skimage.metrics import structural_similarity

from laanet_core.datasets.index import IndexRow, write_index
from laanet_core.media.decoding.source import open_source
from laanet_core.media.faces.crops import crop, crop_box
from laanet_core.media.faces.face_detectors import load_detector
from laanet_core.media.faces.shape_predictor import predict_landmarks
from laanet_core.media.storage.shards import encode_png, write_shard
from laanet_core.params import QualityParams, load_params
from laanet_core.quality.bins import read_edges
from laanet_core.quality.mask_ssim import head_mask, mask_ssim
from laanet_core.quality.measure import QualityFiles, QualityTables, score_quality
from laanet_core.store.csv_io import read_table, write_table
from laanet_core.store.work_dir import WorkDir
from laanet_core.types import Image, Points
from tests.helpers.drawn_face import face_image, face_landmarks
from tests.helpers.paths import ROOT
from tests.helpers.shards import content_digest

SIZE = 64
FRAMES = [0, 4, 9]
BOX = [20.0, 12.0, 84.0, 76.0]
PARAMS = QualityParams(bins=[0.0, 0.5, 0.9, 1.0], forehead=0.4)
CHIN, BROW_ROW = 8, slice(17, 27)


def noise(seed: int, size: int = SIZE) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


def landmarks(size: int = SIZE) -> Points:
    return face_landmarks(size).numpy()


def test_identical_heads_score_one() -> None:
    assert mask_ssim(noise(1), noise(1), np.ones((SIZE, SIZE), bool)) == 1.0


def test_value_is_ssim_of_luminance_in_an_11_pixel_gaussian_window() -> None:
    fake, real = noise(1), noise(2)
    mask = np.zeros((SIZE, SIZE), bool)
    mask[30, 20] = True
    x, y = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[25:36, 15:26].astype(float) for image in (fake, real))
    bell = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weights = np.outer(bell, bell) / bell.sum() ** 2
    mx, my = (weights * x).sum(), (weights * y).sum()
    vx, vy, cov = (weights * x * x).sum() - mx**2, (weights * y * y).sum() - my**2, (weights * x * y).sum() - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    expected = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    assert mask_ssim(fake, real, mask) == pytest.approx(expected, abs=1e-9)


def test_the_value_of_a_region_equals_that_of_scikit_image_for_it_alone() -> None:
    real, fake = noise(1), noise(2)
    mask = np.zeros((SIZE, SIZE), bool)
    mask[20:50, 15:45] = True
    # scikit-image leaves out a border of 5 pixels, half its window, when it averages
    grey = [cv2.cvtColor(image[15:55, 10:50], cv2.COLOR_RGB2GRAY) for image in (fake, real)]
    expected = structural_similarity(*grey, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    assert mask_ssim(fake, real, mask) == pytest.approx(expected, abs=1e-9)


def test_only_the_head_counts() -> None:
    real, mask = noise(1), np.zeros((SIZE, SIZE), bool)
    mask[20:40, 20:40] = True
    background, face = real.copy(), real.copy()
    background[50:], face[25:35, 25:35] = 0, 0
    assert mask_ssim(background, real, mask) == 1.0
    assert mask_ssim(face, real, mask) < 0.8


def test_images_of_other_sizes_and_an_empty_mask_are_refused() -> None:
    with pytest.raises(ValueError, match="sizes differ"):
        mask_ssim(noise(1), noise(1, 48), np.ones((SIZE, SIZE), bool))
    with pytest.raises(ValueError, match="outside"):
        mask_ssim(noise(1), noise(1), np.zeros((SIZE, SIZE), bool))


def test_head_mask_is_the_hull_and_reaches_over_the_forehead_by_the_given_share() -> None:
    points = landmarks(200)
    low, high = (head_mask(points, (200, 200), forehead) for forehead in (0.0, 0.4))
    height = points[CHIN, 1] - points[BROW_ROW, 1].mean()
    inner = points.mean(axis=0) + 0.95 * (points - points.mean(axis=0))
    assert low[inner[:, 1].round().astype(int), inner[:, 0].round().astype(int)].all()
    assert np.flatnonzero(low.any(axis=1))[0] == pytest.approx(points[:, 1].min(), abs=1)
    assert np.flatnonzero(high.any(axis=1))[0] == pytest.approx(points[BROW_ROW, 1].min() - 0.4 * height, abs=1)
    assert np.flatnonzero(high.any(axis=1))[-1] == pytest.approx(points[CHIN, 1], abs=1)
    assert (high | ~low).all()


def test_head_mask_is_clipped_to_the_image_and_refuses_invalid_points() -> None:
    assert head_mask(landmarks() - 40, (SIZE, SIZE), 0.4).sum() < head_mask(landmarks(), (SIZE, SIZE), 0.4).sum()
    assert not head_mask(landmarks() + 1e30, (SIZE, SIZE), 0.4).any()
    with pytest.raises(ValueError, match="68 finite"):
        head_mask(np.full((68, 2), np.nan), (SIZE, SIZE), 0.4)
    with pytest.raises(ValueError, match="68 finite"):
        head_mask(np.zeros((5, 2)), (SIZE, SIZE), 0.4)


class Videos:
    """A data set on disk, as written by the earlier stages."""

    def __init__(self, root: Path) -> None:
        self.files = QualityFiles(root / "index.csv", root / "frames", root / "crops", root / "landmarks.h5")
        self.rows: list[IndexRow] = []
        self.tables: dict[str, list[dict[str, Any]]] = {"frames": [], "crops": [], "landmarks": [], "faces": []}
        self.points: dict[str, Points] = {}

    def add(self, name: str, images: Sequence[Image], source: str = "", status: str = "ok", points: Points | None = None) -> None:
        """Add a real (r...) or fake (f...) video with one image per frame."""
        fake = name.startswith("f")
        self.rows.append(IndexRow(name, f"{name}.mp4", int(fake), "swap" if fake else "real", "", "test", source, name, 1, "0"))
        numbered = list(zip(FRAMES, images, strict=True))
        height, width = images[0].shape[:2]
        facts = {"video_id": name, "status": status, "reason": "" if status == "ok" else f"{name} is {status}"}
        frames = self._shard("frames", name, numbered)
        self.tables["frames"].append({**facts, "status": "ok", "reason": "", "width": width, "height": height, "digest": frames})
        crops = self._shard("crops", name, [(frame, crop(image, BOX, SIZE)) for frame, image in numbered]) if status == "ok" else ""
        self.tables["crops"].append({**facts, "digest": crops})
        self.tables["landmarks"].append(facts)
        if status == "ok":
            box = dict(zip(["crop_x0", "crop_y0", "crop_x1", "crop_y1"], BOX, strict=True))
            self.tables["faces"] += [{"video_id": name, "frame": frame, "face": 0, **box} for frame in FRAMES]
            self.points[name] = landmarks() if points is None else points

    def _shard(self, folder: str, name: str, images: Sequence[tuple[int, Image]]) -> str:
        path = getattr(self.files, folder) / f"{name}.tar"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_shard(path, [(f"{name}/{frame:06d}.png", encode_png(image)) for frame, image in images])
        return content_digest(path)

    def score(self, out: Path, workers: int = 2, params: QualityParams = PARAMS) -> dict[str, dict[str, str]]:
        """Write the tables and run the stage; returns the rows of its CSV by video."""
        write_index(self.files.index, self.rows)
        folders = {"frames": self.files.frames / "videos.csv", "crops": self.files.crops / "videos.csv"}
        places = {**folders, "faces": self.files.crops / "faces.csv", "landmarks": self.files.landmarks.with_suffix(".csv")}
        for name, path in places.items():
            write_table(path, list(self.tables[name][0]), self.tables[name])
        with h5py.File(self.files.landmarks, "w") as store:
            for name, points in self.points.items():
                store[f"{name}/points"] = np.stack([points] * len(FRAMES))
                store[f"{name}/frames"], store[f"{name}/faces"] = np.array(FRAMES, np.int32), np.zeros(len(FRAMES), np.int32)
        work = WorkDir("quality", self.files.index.parent / "work")
        with ThreadPoolExecutor(workers) as executor:
            self.summary = score_quality(self.files, QualityTables.of(out, "q"), params, SIZE, work, executor)
        return {row["video_id"]: row for row in read_table(out / "q.csv", ["video_id"])}


@pytest.fixture
def videos(tmp_path: Path) -> Videos:
    scene = [np.ascontiguousarray(face_image(100, seed).permute(1, 2, 0).numpy()) for seed in range(3)]
    changed = [image.copy() for image in scene]
    changed[1][30:50, 40:64] = 255 - changed[1][30:50, 40:64]
    videos = Videos(tmp_path)
    videos.add("r_one", scene)
    videos.add("f_copy", scene, "r_one")
    videos.add("f_changed", changed, "r_one")
    return videos


def test_a_copy_scores_one_and_a_change_in_one_frame_lowers_that_frame(videos: Videos, tmp_path: Path) -> None:
    rows = videos.score(tmp_path)
    frames = [float(row["mask_ssim"]) for row in read_table(tmp_path / "q_frames.csv", ["mask_ssim"]) if row["video_id"] == "f_changed"]
    assert (rows["f_copy"]["mask_ssim"], rows["f_copy"]["bin"], rows["f_copy"]["n_frames"]) == ("1.0", "0.90-1.00", "3")
    assert frames[0] == frames[2] == 1.0
    assert 0.2 < frames[1] < 0.9
    assert float(rows["f_changed"]["mask_ssim"]) == pytest.approx(np.mean(frames), abs=1e-6)
    assert videos.summary == "quality: 2 videos, 2 ok"


def test_fakes_that_cannot_be_compared_are_rows_with_a_reason(videos: Videos, tmp_path: Path) -> None:
    image = [noise(seed, 100) for seed in range(3)]
    far = (landmarks() / 8 - 90).astype(np.float32)
    videos.add("r_blank", image, status="no_face")
    videos.add("r_far", image, points=far)
    videos.add("f_alone", image)
    videos.add("f_lost", image, "r_missing")
    videos.add("f_of_blank", image, "r_blank")
    videos.add("f_faceless", image, "r_one", status="no_face")
    videos.add("f_small", [noise(seed, 90) for seed in range(3)], "r_one")
    videos.add("f_far", image, "r_far")
    rows = videos.score(tmp_path)
    failures = {name: (row["status"], row["reason"]) for name, row in rows.items() if row["status"] != "ok"}
    assert failures == {
        "f_alone": ("no_source", "the index has no source video for it"),
        "f_lost": ("no_source", "source r_missing is not in the index"),
        "f_of_blank": ("no_source", "source r_blank is no_face: r_blank is no_face"),
        "f_faceless": ("no_face", "f_faceless is no_face"),
        "f_small": ("no_source", "its size 90x90 differs from 100x100 of source r_one"),
        "f_far": ("no_landmarks", "the head of source r_far is outside its crops"),
    }
    assert {rows[name]["mask_ssim"] for name in failures} == {""}
    assert "r_one" not in rows


def test_no_frame_in_common_is_a_reason(videos: Videos, tmp_path: Path) -> None:
    path = videos.files.frames / "f_copy.tar"
    write_shard(path, [("f_copy/000077.png", encode_png(noise(1, 100)))])
    videos.tables["frames"][1]["digest"] = content_digest(path)
    row = videos.score(tmp_path)["f_copy"]
    assert (row["status"], row["reason"]) == ("no_source", "no frame in common with the landmarks of source r_one")


def test_a_value_outside_the_bins_is_reported(videos: Videos, tmp_path: Path) -> None:
    row = videos.score(tmp_path, params=QualityParams(bins=[0.0, 0.5], forehead=0.4))["f_copy"]
    assert (row["status"], row["mask_ssim"], row["bin"], row["reason"]) == ("ok", "1.0", "", "Mask-SSIM is outside quality.bins")


def test_output_does_not_depend_on_workers_or_earlier_runs_and_other_bins_recompute_nothing(videos: Videos, tmp_path: Path) -> None:
    videos.score(tmp_path / "two")
    items = {path: path.stat().st_ino for path in (tmp_path / "work").rglob("??/*")}
    videos.score(tmp_path / "again", params=replace_bins([0.0, 1.0]))
    videos.score(tmp_path / "again", workers=1)
    assert {path: path.stat().st_ino for path in (tmp_path / "work").rglob("??/*")} == items
    assert len(items) == 2
    for name in ("q.csv", "q_frames.csv"):
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def replace_bins(edges: list[float]) -> QualityParams:
    return PARAMS.model_copy(update={"bins": edges})


def test_quantiles_put_equally_many_fakes_into_each_bin_and_are_stored_in_a_file(videos: Videos, tmp_path: Path) -> None:
    rows = videos.score(tmp_path, params=PARAMS.model_copy(update={"quantiles": 2}))
    low, high = read_table(tmp_path / "q_bins.csv", ["bin", "low", "high", "n_fake"])
    assert [low["n_fake"], high["n_fake"]] == ["1", "1"]
    assert [rows["f_changed"]["bin"], rows["f_copy"]["bin"]] == [low["bin"], high["bin"]]
    assert float(low["low"]) <= float(rows["f_changed"]["mask_ssim"]) < float(low["high"]) == float(high["low"]) <= float(high["high"]) == 1
    assert read_edges(tmp_path / "q_bins.csv") == [float(low["low"]), float(low["high"]), 1.0]


def test_given_bins_are_stored_in_the_file_including_empty_ones(videos: Videos, tmp_path: Path) -> None:
    videos.score(tmp_path)
    bins = read_table(tmp_path / "q_bins.csv", ["bin", "n_fake"])
    assert read_edges(tmp_path / "q_bins.csv") == PARAMS.bins
    assert sum(int(row["n_fake"]) for row in bins) == 2
    assert "0" in {row["n_fake"] for row in bins}


def test_a_set_of_reals_alone_gives_an_empty_table(videos: Videos, tmp_path: Path) -> None:
    videos.rows = [replace(row, label=0) for row in videos.rows]
    assert videos.score(tmp_path) == {}
    assert videos.summary == "quality: 0 videos"


def frame_10(path: Path) -> Image:
    """Frame 10 of a video."""
    with open_source(path) as source:
        return dict(source.frames([10]))[10]


@pytest.mark.parametrize("pair", ["ffpp_c23_FaceSwap_634_660", "ghost_mark", "roop_inswapper_output"])
def test_real_face_swaps_score_in_the_range_that_celeb_df_reports(pair: str, shared: Path, assets: Path) -> None:
    """Celeb-DF, Table 2: from 0.80 (DF-TIMIT) to 0.92 (Celeb-DF) on average."""
    folder = shared / "data/video_pairs" / pair
    fake, real = (frame_10(path) for path in sorted(folder.iterdir()))
    face = load_detector(load_params(ROOT / "presets/demo.yaml").crops, assets).detect([real])[0][0]
    box = crop_box(face.box, 1.25)
    points = (predict_landmarks(real, face.box, assets) - np.array(box[:2])) * 384 / (box[2] - box[0])
    value = mask_ssim(crop(fake, box, 384), crop(real, box, 384), head_mask(points, (384, 384), 0.4))
    assert 0.78 < value < 0.95
