"""Numbers that others published for LAA-Net, to stand beside our own: video level, per cent, FF++ and others at c23."""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """One data set of the paper's Table 1: AUC and AP with SBI and with BI, its mean Mask-SSIM, and what independent re-runs found.

    adapter: name of the folder layout, by which our data sets are matched.
    """

    adapter: str
    title: str
    sbi_auc: float
    sbi_ap: float | None
    bi_auc: float
    bi_ap: float | None
    mask_ssim: float | None
    rerun: str


PAPER = [
    Published("ffpp", "FaceForensics++", 99.96, None, 99.95, None, None, "AUC 95.38 with the authors' weights"),
    Published("cdf2", "Celeb-DF v2", 95.40, 97.64, 86.28, 91.93, 0.92, "AUC 92.34 with the authors' weights, 76.3 trained anew"),
    Published("dfw", "WildDeepfake", 80.03, 81.08, 57.13, 56.89, None, ""),
    Published("dfd", "DeepFakeDetection", 98.43, 99.40, 99.51, 99.80, 0.88, ""),
    Published("dfdcp", "DFDC Preview (the paper's 'DFDC')", 86.94, 97.70, 69.69, 93.67, 0.84, ""),
]
