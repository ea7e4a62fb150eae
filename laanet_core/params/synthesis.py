"""Section `synthesis`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from laanet_core.params.section import Deviations, Kernels, Probability, Scales, Section

Hull = Literal["full", "extended", "components", "face"]


class SbiParams(Section):
    """Self-blended images (docs/paper_and_official.md, section 5). Values are drawn uniformly from ranges; +-x is the range [-x, x].

    change_source: probability of changing the colours of the source instead of the target;
    rgb_shift: shift per channel in grey levels (+-), applied with probability rgb_shift_probability; hue: shift (+-) in OpenCV's 8-bit
    steps of two degrees; saturation, brightness, contrast: relative change (+-);
    pixelate_probability: probability of pixelating the image, which is sharpened otherwise; pixelate: candidate downscaling factors;
    sharpen: amount of sharpening;
    shift_x, shift_y: translation (+-) of source and mask as fractions of the crop's width and height; scale: their scale is drawn from
    [scale, 1 / scale];
    mask_scale: resolution at which the mask is softened, relative to the crop's; mask_kernel: odd kernel size in pixels of its first blur;
    mask_precision: with `uint8` the softened area stays near 0.99 of the hull, with `float` it shrinks to 0.76-0.89, more for small hulls;
    blend_ratios: candidate factors by which the mask is multiplied.
    """

    change_source: Probability = 0.5
    rgb_shift: float = Field(default=20, ge=0, le=255)
    rgb_shift_probability: Probability = 0.3
    hue: float = Field(default=0.3, ge=0, le=90)
    saturation: Probability = 0.3
    brightness: Probability = 0.1
    contrast: Probability = 0.1
    pixelate_probability: Probability = 0.5
    pixelate: list[Annotated[float, Field(ge=1, le=64)]] = Field(default=[2, 4], min_length=1)
    sharpen: Scales = [0.2, 0.5]
    shift_x: float = Field(default=0.03, ge=0, le=0.5)
    shift_y: float = Field(default=0.015, ge=0, le=0.5)
    scale: float = Field(default=0.95, gt=0.1, le=1)
    mask_scale: Scales = [0.8, 1.25]
    mask_kernel: Kernels = [5, 25]
    mask_precision: Literal["uint8", "float"] = "uint8"
    blend_ratios: list[Annotated[float, Field(gt=0, le=1)]] = Field(default=[0.25, 0.5, 0.75, 1.0, 1.0, 1.0], min_length=1)


class BiParams(Section):
    """Blended images of two people (docs/paper_and_official.md, section 5). Values are drawn uniformly from ranges.

    neighbours: the foreground is drawn from at most this many faces of other people, those with the nearest landmarks;
    mean_colour: probability of matching only the background's mean colour instead of mean and standard deviation in Lab;
    warp: standard deviation, as a fraction of the crop's side, of the node displacements of a grid with warp_cells cells per side;
    the mask is warped piecewise affinely between them; erode: probability of eroding the mask instead of dilating it; edge_kernel: odd
    kernel size in pixels of either.
    """

    neighbours: int = Field(default=30, ge=1, le=1000)
    mean_colour: Probability = 0.5
    warp: float = Field(default=0.015, ge=0, le=0.2)
    warp_cells: int = Field(default=4, ge=1, le=32)
    erode: Probability = 0.5
    edge_kernel: Kernels = [1, 21]


class SynthesisParams(Section):
    """Pseudo-fakes; the defaults are the published values. Lengths in pixels refer to a 384 px crop and scale with the crop size.

    method: `sbi`, self-blended images, or `bi`, blended images of two people; hulls: variants of the landmarks' convex hull to draw from;
    elastic_alpha, elastic_sigma: amplitude and smoothness in pixels of the mask's elastic deformation; feather_kernel, feather_sigma: odd
    kernel size and standard deviation in pixels of the blur that softens the mask.
    """

    method: Literal["sbi", "bi"] = "sbi"
    hulls: list[Hull] = Field(default=["full", "extended", "components", "face"], min_length=1)
    elastic_alpha: float = Field(default=50, ge=0, le=1000)
    elastic_sigma: float = Field(default=7, gt=0, le=100)
    feather_kernel: Kernels = [5, 25]
    feather_sigma: Deviations = [5, 45]
    sbi: SbiParams = SbiParams()
    bi: BiParams = BiParams()
