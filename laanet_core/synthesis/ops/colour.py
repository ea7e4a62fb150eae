"""Brightness, contrast, saturation and hue changes combined into one colour matrix."""

from __future__ import annotations

import numpy as np

from laanet_core.synthesis.ops.types import Values

# Rec. 601 luma, which changes of saturation and hue preserve
_LUMA = np.array([0.299, 0.587, 0.114])
_YIQ = np.array([_LUMA, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
_RGB = np.linalg.inv(_YIQ)


def colour_matrices(contrast: Values, brightness: Values, saturation: Values, hue: Values) -> Values:
    """Matrices (B, 3, 4) for `ImageOps.recolour`: I -> (1 + contrast) S I + 255 brightness.

    contrast, brightness, saturation: relative changes (B,), 0 for none; hue: rotations (B,) of the chroma in radians. S preserves luma
    and changes chroma in the IQ plane of YIQ.
    """
    chroma = np.zeros((len(hue), 3, 3))
    chroma[:, 0, 0] = 1
    chroma[:, 1, 1] = chroma[:, 2, 2] = (1 + saturation) * np.cos(hue)
    chroma[:, 2, 1] = (1 + saturation) * np.sin(hue)
    chroma[:, 1, 2] = -chroma[:, 2, 1]
    linear = (1 + contrast)[:, None, None] * (_RGB @ chroma @ _YIQ)
    offset = np.broadcast_to(255 * brightness[:, None, None], (len(hue), 3, 1))
    return np.concatenate([linear, offset], axis=2)
