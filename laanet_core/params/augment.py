"""Section `augment`."""

from __future__ import annotations

from pydantic import Field

from laanet_core.params.section import Blurs, Deviations, Fractions, Probability, Qualities, Scales, Section


class AugmentParams(Section):
    """Augmentations applied identically to a real image and its fake (paper, sec. 4.1, which names them but gives no values).

    Ranges are [low, high]. flip, crop, scale, erase, colour, noise, blur, jpeg: probability of each augmentation; crop_side: side of the
    crop as a fraction of the image's; scale_by: zoom factor about the centre; erase_side: sides of the erased rectangle as fractions of the
    image's; contrast, brightness, saturation: maximum relative change (+-); hue: maximum change (+-) in radians; noise_deviation: standard
    deviation in grey levels; blur_sigma: pixels; jpeg_quality: libjpeg quality, 1 to 100.
    """

    flip: Probability = 0.5
    crop: Probability = 0.5
    crop_side: Fractions = [0.8, 1.0]
    scale: Probability = 0.5
    scale_by: Scales = [0.9, 1.1]
    erase: Probability = 0.2
    erase_side: Fractions = [0.1, 0.3]
    colour: Probability = 0.3
    contrast: Probability = 0.2
    brightness: Probability = 0.1
    saturation: Probability = 0.2
    hue: float = Field(default=0.1, ge=0, le=3.2)
    noise: Probability = 0.3
    noise_deviation: Deviations = [1, 12]
    blur: Probability = 0.2
    blur_sigma: Blurs = [0.4, 1.6]
    jpeg: Probability = 0.5
    jpeg_quality: Qualities = [40, 95]
