"""Calibration of a network's logits to probabilities; the fitted parameters are stored in the checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import toms748
from scipy.special import expit, logit

from laanet_core.errors import LaanetError

FLATTEST, STEEPEST = 0.01, 100.0
"""Bounds of a slope (temperatures of 100 and 0.01). A slope is positive, so that calibration preserves the order of scores."""
LARGEST_LOGIT = 1e4
LARGEST_INTERCEPT = 2 * STEEPEST * LARGEST_LOGIT
"""Bound of an intercept: larger than any that can be fitted to logits up to LARGEST_LOGIT."""
_DIGITS = 9

_Floats = NDArray[np.float64]


class Calibration(NamedTuple):
    """The probability of a logit x is sigmoid(slope * x + intercept)."""

    slope: float = 1.0
    intercept: float = 0.0


class Calibrations(NamedTuple):
    """Both calibrations of a network, fitted on the same faces.

    temperature: its slope is 1 over the temperature of Guo et al. 2017; platt: slope and intercept of Platt 1999;
    source: description of the faces; n_real, n_fake: their number.
    """

    temperature: Calibration
    platt: Calibration
    source: str
    n_real: int
    n_fake: int


def pick_calibration(fitted: Calibrations | None, method: Literal["none", "temperature", "platt"], path: Path) -> Calibration:
    """The calibration that `evaluate.calibration` names; raises LaanetError if the checkpoint at `path` has no fitted one."""
    if method == "none":
        return Calibration()
    if fitted is None:
        raise LaanetError(
            f"evaluate.calibration is '{method}', but {path} has no calibration; "
            "fit one with 'laanet calibrate' or set evaluate.calibration to none."
        )
    return fitted.temperature if method == "temperature" else fitted.platt


def fit_calibrations(logits: ArrayLike, labels: ArrayLike, source: str) -> Calibrations:
    """Maximum-likelihood calibrations of logits (n,) with labels (n,), 0 real and 1 fake; source: description of these faces.

    The targets are Platt's, (n_fake + 1) / (n_fake + 2) and 1 / (n_real + 2), so that the fit is finite even for separable classes. Slopes
    are limited to [FLATTEST, STEEPEST]. Results have nine significant digits, so that they do not depend on the order of the faces.
    Raises LaanetError if there are no reals or no fakes, if all logits are equal, and for a logit beyond LARGEST_LOGIT or not finite.
    """
    values, fake = np.asarray(logits, np.float64), np.asarray(labels) == 1
    n_fake, n_real = int(fake.sum()), int((~fake).sum())
    _check(values, n_real, n_fake)
    targets = np.where(fake, (n_fake + 1) / (n_fake + 2), 1 / (n_real + 2))
    middle = float(values.mean())
    slope = _best_slope(values - middle, targets, _best_intercept)
    intercept = _best_intercept(slope * (values - middle), targets) - slope * middle
    temperature = Calibration(_rounded(_best_slope(values, targets, _no_intercept)))
    return Calibrations(temperature, Calibration(_rounded(slope), round(_rounded(intercept), _DIGITS) + 0.0), source, n_real, n_fake)


def bounds_reached(fitted: Calibrations, logits: ArrayLike, labels: ArrayLike) -> list[str]:
    """Explain each slope of a fit that is at its bound, in one sentence each; logits, labels: (n,), those of the fit.

    Whether scores are inverted or uninformative is decided by the AUC of these faces, at the 5 % level of the Mann-Whitney test.
    """
    slopes = {"temperature": fitted.temperature.slope, "Platt's slope": fitted.platt.slope}
    bounds = {"temperature": {FLATTEST: 1 / FLATTEST, STEEPEST: 1 / STEEPEST}, "Platt's slope": {FLATTEST: FLATTEST, STEEPEST: STEEPEST}}
    return [
        f"{name} is at its bound of {bounds[name][slope]:g}: {_reason(slope, name, logits, labels)}."
        for name, slope in slopes.items()
        if slope in bounds[name]
    ]


def _reason(bound: float, name: str, logits: ArrayLike, labels: ArrayLike) -> str:
    """Why a slope is at its bound."""
    from scipy.stats import mannwhitneyu

    values, fake = np.asarray(logits, np.float64), np.asarray(labels) == 1
    test = mannwhitneyu(values[fake], values[~fake])
    area = test.statistic / (fake.sum() * (~fake).sum())
    auc = f"(the AUC of these faces is {area:.3f})"
    if bound == STEEPEST:
        return f"the logits are too close together for probabilities as certain as the labels {auc}"
    if test.pvalue >= 0.05:
        return f"the scores carry no information about the label {auc}"
    if area < 0.5:
        return f"the scores are inverted, fakes have the lower ones {auc}"
    if name == "temperature":
        return f"no logit near 0 separates fakes from reals, or all are far too large; Platt's may do better, thanks to its intercept {auc}"
    return f"the logits are far larger than probabilities as certain as the labels require {auc}"


def _check(values: _Floats, n_real: int, n_fake: int) -> None:
    if not n_real or not n_fake:
        raise LaanetError(f"calibration: {n_real} real and {n_fake} fake faces; give some of both.")
    broken = values[~(np.abs(values) <= LARGEST_LOGIT)]
    if len(broken):
        raise LaanetError(f"calibration: a logit is {broken[0]:g}; give finite logits up to {LARGEST_LOGIT:g}.")
    if values.min() == values.max():
        raise LaanetError(f"calibration: all logits are {values[0]:g}; give logits of a network that distinguishes faces.")


def _best_slope(values: _Floats, targets: _Floats, intercept_of: Callable[[_Floats, _Floats], float]) -> float:
    """The slope with the least cross-entropy, given the best intercept for each slope; the loss is convex, so its derivative increases."""

    def derivative(slope: float) -> float:
        scaled = slope * values
        return float(np.mean(values * (expit(scaled + intercept_of(scaled, targets)) - targets)))

    if derivative(FLATTEST) >= 0:
        return FLATTEST
    return STEEPEST if derivative(STEEPEST) <= 0 else _root(derivative, FLATTEST, STEEPEST)


def _best_intercept(scaled: _Floats, targets: _Floats) -> float:
    """The intercept with the least cross-entropy: the one for which the mean probability is the mean target."""
    target = float(targets.mean())
    centre = float(logit(target))
    return _root(lambda intercept: float(expit(scaled + intercept).mean()) - target, centre - scaled.max() - 1, centre - scaled.min() + 1)


def _no_intercept(_scaled: _Floats, _targets: _Floats) -> float:
    return 0.0


def _root(rising: Callable[[float], float], low: float, high: float) -> float:
    """The root of an increasing function within [low, high], to full precision."""
    return float(toms748(rising, low, high, xtol=1e-15, rtol=4 * np.finfo(float).eps, maxiter=1000))


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
