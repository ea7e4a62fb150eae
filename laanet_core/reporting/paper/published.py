"""Published numbers of the paper and of independent re-runs, to compare ours with: video level, per cent, FF++ and others at c23.

Copied as printed from Tables 1 to 5 of Nguyen et al., CVPR 2024. Data sets are named by their folder layouts (`laanet_core.datasets`);
the paper's 'DFDC' is the preview set, here `dfdcp`.
"""

from __future__ import annotations

from typing import NamedTuple

PAPER_NAMES = {"ffpp": "FF++", "cdf2": "CDF2", "dfw": "DFW", "dfd": "DFD", "dfdcp": "DFDC"}
MASK_SSIM = {"cdf2": 0.92, "dfd": 0.88, "dfdcp": 0.84}
AVERAGE = "avg"
LAANET, LAANET_SBI, LAANET_BI, SBI_BASELINE = "Ours", "Ours (w/ SBI)", "Ours (w/ BI)", "SBI [41]"

Figures = dict[str, float]


class Method(NamedTuple):
    """A row of Table 1. real, fake: whether trained on real videos and on the data set's fakes; auc, ap: data set -> printed number."""

    name: str
    real: bool
    fake: bool
    auc: Figures
    ap: Figures


class Robust(NamedTuple):
    """A row of Table 2. fake: whether trained on the data set's fakes; auc: corruption -> AUC on FF++."""

    name: str
    fake: bool
    auc: Figures


class Ablation(NamedTuple):
    """A row of Table 3: whether it has the consistency branch, the heat-map branch and E-FPN; auc: data set or `avg` -> AUC.

    misprinted: whether the printed marks, which are given here, repeat those of another row.
    """

    consistency: bool
    heatmap: bool
    efpn: bool
    auc: Figures
    misprinted: bool = False


class Levels(NamedTuple):
    """A row of Table 4. levels: those used; fpn, efpn: data set -> AUC. With F6 alone both are the same network, printed once."""

    row: str
    levels: tuple[int, ...]
    fpn: Figures
    efpn: Figures


class Weights(NamedTuple):
    """A row of Table 5: weights of the heat-map and of the consistency loss; auc: data set or `avg` -> AUC."""

    lambda1: float
    lambda2: float
    auc: Figures


class Published(NamedTuple):
    """One data set of the paper's Table 1: AUC and AP with SBI and with BI, its mean Mask-SSIM, and results of independent re-runs.

    layout: name of the folder layout, which our data sets are matched by.
    """

    layout: str
    title: str
    sbi_auc: float
    sbi_ap: float | None
    bi_auc: float
    bi_ap: float | None
    mask_ssim: float | None
    rerun: str


def _figures(columns: str, *values: float | None) -> Figures:
    """Column -> number; None is a dash in the table."""
    return {name: value for name, value in zip(columns.split(), values, strict=True) if value is not None}


def _method(name: str, marks: str, *values: float | None) -> Method:
    """A row of Table 1. marks: subset of `real fake`; values: AUC of FF++, then AUC and AP of each other data set."""
    auc = _figures("ffpp cdf2 dfw dfd dfdcp", values[0], *values[1::2])
    return Method(name, "real" in marks, "fake" in marks, auc, _figures("cdf2 dfw dfd dfdcp", *values[2::2]))


def _robust(name: str, fake: bool, *values: float) -> Robust:
    return Robust(name, fake, _figures("saturation contrast block noise blur pixelation", *values))


def _ablation(marks: str, *values: float, misprinted: bool = False) -> Ablation:
    auc = _figures("cdf2 dfd dfdcp dfw avg", *values)
    return Ablation("C" in marks, "H" in marks, "E" in marks, auc, misprinted)


def _levels(row: str, lowest: int, *values: float) -> Levels:
    """A row of Table 4. values: for each data set FPN and E-FPN, or one value for both."""
    columns = "cdf2 dfd dfw dfdcp"
    fpn, efpn = (values, values) if len(values) == 4 else (values[::2], values[1::2])
    return Levels(row, tuple(range(6, lowest - 1, -1)), _figures(columns, *fpn), _figures(columns, *efpn))


def _weights(lambda1: float, lambda2: float, *values: float) -> Weights:
    return Weights(lambda1, lambda2, _figures("cdf2 dfdcp dfw avg", *values))


# FF++ AUC; then AUC, AP of CDF2, DFW, DFD and DFDC
TABLE1 = [
    _method("Xception [37]", "real fake", 99.09, 61.18, 66.93, 65.29, 55.37, 89.75, 85.48, 69.90, 91.98),
    _method("FaceXRay+BI [24]", "real fake", 99.20, 79.5, None, None, None, 95.40, 93.34, 65.5, None),
    _method("LRNet [43]", "real fake", None, 53.20, None, None, None, 52.29, None, None, None),
    _method("LocalRL [8]", "real fake", 99.92, 78.26, None, None, None, 89.24, None, 76.53, None),
    _method("TI²Net [28]", "real fake", None, 68.22, None, None, None, 72.03, None, None, None),
    _method("Multi-attentional [55]", "real fake", None, 68.26, 75.25, 73.56, 73.79, 92.95, 96.51, 63.02, None),
    _method("RECCE [6]", "real fake", None, 70.93, 70.35, 68.16, 54.41, 98.26, 79.42, None, None),
    _method("SFDG [50]", "real fake", 99.53, 75.83, None, 69.27, None, 88.00, None, 73.63, None),
    _method("EIC+IIE [20]", "real fake", 99.32, 83.80, None, None, None, 93.92, None, 81.23, None),
    _method("AltFreezing [52]", "real fake", 98.6, 89.50, None, None, None, 98.50, None, None, None),
    _method("CADDM [14]", "real fake", 99.79, 93.88, 91.12, 74.48, 75.23, 99.03, 99.59, None, None),
    _method("UCF [53]", "real fake", None, 82.4, None, None, None, 94.5, None, 80.5, None),
    _method("Controllable GS [17]", "real fake", None, 84.97, None, None, None, None, None, 81.65, None),
    _method("PCL+I2G [54]", "real", 99.11, 90.03, None, None, None, 99.07, None, 74.27, None),
    _method(SBI_BASELINE, "real", 99.64, 93.18, 85.16, 67.47, 55.87, 97.56, 92.79, 86.15, 93.24),
    _method("AUNet [3]", "real", 99.46, 92.77, None, None, None, 99.22, None, 86.16, None),
    _method(LAANET_BI, "real", 99.95, 86.28, 91.93, 57.13, 56.89, 99.51, 99.80, 69.69, 93.67),
    _method(LAANET_SBI, "real", 99.96, 95.40, 97.64, 80.03, 81.08, 98.43, 99.40, 86.94, 97.70),
]

# saturation, contrast, block, noise, blur, pixelation
TABLE2 = [
    _robust("Xception [9]", True, 99.3, 98.6, 99.7, 53.8, 60.2, 74.2),
    _robust("FaceXray [24]", True, 97.6, 88.5, 99.1, 49.8, 63.8, 88.6),
    _robust("LipForensics [18]", True, 99.9, 99.6, 87.4, 73.8, 96.1, 95.6),
    _robust("CADDMM [14]", True, 99.6, 99.8, 99.8, 87.4, 99.0, 98.8),
    _robust(LAANET, False, 99.96, 99.96, 99.96, 53.9, 98.22, 99.80),
]

# CDF2, DFD, DFDC, DFW, average
TABLE3 = [
    _ablation("", 74.54, 92.24, 70.81, 59.81, 74.35),
    _ablation("", 80.89, 94.53, 77.93, 67.12, 80.12, misprinted=True),
    _ablation("H", 84.21, 95.03, 80.68, 65.47, 81.35),
    _ablation("H E", 95.56, 98.54, 82.21, 74.98, 87.82),
    _ablation("C E", 79.87, 94.60, 71.70, 72.47, 79.66),
    _ablation("C H", 91.56, 98.27, 78.35, 73.02, 85.30),
    _ablation("C H E", 95.40, 98.43, 86.94, 80.03, 90.20),
]

# FPN, E-FPN of CDF2, DFD, DFW and DFDC
TABLE4 = [
    _levels("a", 6, 91.56, 98.27, 73.02, 78.35),
    _levels("b", 5, 93.42, 91.79, 98.59, 97.12, 73.78, 71.39, 78.40, 75.80),
    _levels("c", 4, 88.72, 92.86, 97.96, 98.95, 69.40, 74.93, 71.91, 83.97),
    _levels("d", 3, 88.35, 95.40, 98.89, 98.43, 70.94, 80.03, 79.02, 86.94),
    _levels("e", 2, 92.16, 94.22, 96.58, 97.31, 65.17, 72.54, 74.31, 82.90),
]
TABLE4_AVERAGE = Levels(
    AVERAGE,
    (),
    fpn={"cdf2": 90.84, "dfd": 98.06, "dfw": 70.46, "dfdcp": 76.40},
    efpn={"cdf2": 93.16, "dfd": 98.02, "dfw": 74.38, "dfdcp": 81.59},
)

# CDF2, DFDC, DFW, average
TABLE5 = [
    _weights(1, 1, 90.69, 78.12, 70.98, 79.93),
    _weights(10, 10, 95.73, 85.87, 73.56, 85.05),
    _weights(100, 100, 93.72, 78.60, 75.25, 82.52),
    _weights(100, 10, 93.05, 83.86, 76.72, 84.54),
    _weights(10, 100, 95.40, 86.94, 80.03, 87.46),
]


def _published(layout: str, title: str, rerun: str = "") -> Published:
    bi, sbi = TABLE1[-2:]
    ours = (sbi.auc[layout], sbi.ap.get(layout), bi.auc[layout], bi.ap.get(layout))
    return Published(layout, title, *ours, MASK_SSIM.get(layout), rerun)


PAPER = [
    _published("ffpp", "FaceForensics++", "AUC 95.38 with the authors' weights"),
    _published("cdf2", "Celeb-DF v2", "AUC 92.34 with the authors' weights, 76.3 when trained again"),
    _published("dfw", "WildDeepfake"),
    _published("dfd", "DeepFakeDetection"),
    _published("dfdcp", "DFDC Preview (the paper's 'DFDC')"),
]
