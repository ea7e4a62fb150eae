"""A user's own videos, pairs and face crops go from raw files to scores with one parameter."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np

from laanet_core.media.storage.shards import Shard, read_rgb
from tests.helpers.project import Project, stages_run, table


def test_real_pairs_give_mask_ssim_and_scores_with_one_parameter(project: Project, shared: Path) -> None:
    project.dvc("exp", "run", "-S", f"+datasets.pairs.root={shared / 'data/video_pairs'}")
    quality = {row["video_id"]: row for row in table(project.root / "data/quality/pairs.csv")}
    assert len(quality) >= 3
    assert all(row["status"] == "ok" and 0.5 < float(row["mask_ssim"]) < 1 for row in quality.values()), quality
    scores = table(project.root / "reports/pairs/scores.csv")
    assert [row["status"] for row in scores] == ["ok"] * 2 * len(quality)
    assert {row["video_id"]: row["mask_ssim"] for row in scores if row["label"] == "1"} == {
        name: row["mask_ssim"] for name, row in quality.items()
    }
    assert "pairs" in project.dvc("metrics", "show")


def test_aligned_face_crops_are_scored_as_they_are(project: Project, shared: Path) -> None:
    crops = shared / "data/dfdc_dev_crops"
    mine = project.root / "aligned"
    mine.mkdir()
    lines = ["path,label,source"]
    for pair in table(crops / "pairs.csv")[:6]:
        for kind in ("real", "fake"):
            (mine / kind).mkdir(exist_ok=True)
            shutil.copyfile(crops / kind / f"{pair[kind]}.jpg", mine / kind / f"{pair[kind]}.jpg")
        lines += [f"real/{pair['real']}.jpg,0,", f"fake/{pair['fake']}.jpg,1,real/{pair['real']}.jpg"]
    (mine / "index.csv").write_text("\n".join(lines) + "\n")
    project.dvc("exp", "run", "-S", "+datasets.aligned.root=aligned", "-S", "+datasets.aligned.cropped=true")
    faces = table(project.root / "data/crops/aligned/faces.csv")
    assert [(face["crop_x0"], face["crop_x1"], face["crop_y1"]) for face in faces] == [("0.0", "224.0", "224.0")] * 12
    with Shard(project.root / f"data/crops/aligned/{faces[0]['video_id']}.tar") as shard:
        kept = read_rgb(shard, shard.names()[0])
    given = cv2.cvtColor(cv2.imread(str(mine / f"{faces[0]['video_id']}.jpg")), cv2.COLOR_BGR2RGB)
    size = kept.shape[0]
    assert np.array_equal(kept, cv2.resize(given, (size, size), interpolation=cv2.INTER_AREA))
    quality = table(project.root / "data/quality/aligned.csv")
    assert all(row["status"] == "ok" and 0.3 < float(row["mask_ssim"]) < 1 for row in quality), quality
    assert [row["status"] for row in table(project.root / "reports/aligned/scores.csv")] == ["ok"] * 12


def test_a_users_own_folder_is_scored_with_one_parameter(project: Project) -> None:
    demo = project.root / "data/raw/demo/test"
    mine = project.root.parent / "mine"
    for kind in ("real", "fake"):
        (mine / kind).mkdir(parents=True)
        for clip in sorted((demo / kind).glob("*.mp4"))[:2]:
            shutil.copyfile(clip, mine / kind / clip.name)
    (mine / "real/empty.mp4").touch()
    (mine / "fake/letter.mp4").write_text("Dear Sir or Madam\n")
    content = next(iter(sorted((demo / "real").glob("*.mp4")))).read_bytes()
    (mine / "fake/cut.mp4").write_bytes(content[: len(content) // 3])
    output = project.dvc("exp", "run", "-S", f"+datasets.mine.root={mine}")
    assert "train" not in stages_run(output)
    scores = {row["video_id"]: row for row in table(project.root / "reports/mine/scores.csv")}
    assert len(scores) == 7
    for broken in ("real/empty", "fake/letter", "fake/cut"):
        assert scores[broken]["status"] in {"unreadable", "too_few_frames"}
        assert (scores[broken]["score"], scores[broken]["reason"] != "") == ("", True)
    assert sum(row["status"] == "ok" for row in scores.values()) >= 3
    assert project.metrics("mine/metrics.json").keys() == project.metrics("demo/metrics.json").keys()
    assert "unreadable" in output
