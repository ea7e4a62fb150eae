"""Section `synthesis`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from laanet_core.params.section import Deviations, Kernels, Probability, Scales, Section

Hull = Literal["full", "extended", "components", "face"]


class SbiParams(Section):
    """Self-blended images (docs/paper_and_official.md, section 5). Ranges are drawn from evenly; +-x is a range from -x to x.

    change_source: probability that the colours of the source are changed, and not those of the target;
    rgb_shift: +- grey levels a channel, with rgb_shift_probability; hue: +- 8-bit steps of two degrees;
    saturation, brightness, contrast: +- parts;
    pixelate_probability: of a coarser image, else a sharper one; pixelate: factors, one of which makes the blocks; sharpen: amount;
    shift_x, shift_y: +- parts of the crop's sides that source and mask are moved by; scale: their scale, from this to 1 over it;
    mask_scale: resolution at which the mask is softened, over the crop's; mask_kernel: odd pixels of its first blur;
    mask_precision: `uint8` keeps the softened area near .99 of the hull, `float` shrinks it to .76 to .89, the more the smaller the hull;
    blend_ratios: one of them scales the mask.
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
    """Blended images of two people (docs/paper_and_official.md, section 5). Ranges are drawn from evenly.

    neighbours: at most so many faces of other people, those with the nearest landmarks, from which the foreground is drawn;
    mean_colour: probability that the foreground takes over the background's mean colour alone, and not its mean and deviation in Lab;
    warp: deviation, in parts of the crop's side, by which the corners of a grid of warp_cells a side are moved, and the mask between them
    by an affine map a triangle; erode: probability that the mask is eroded and not dilated; edge_kernel: odd pixels of that.
    """

    neighbours: int = Field(default=30, ge=1, le=1000)
    mean_colour: Probability = 0.5
    warp: float = Field(default=0.015, ge=0, le=0.2)
    warp_cells: int = Field(default=4, ge=1, le=32)
    erode: Probability = 0.5
    edge_kernel: Kernels = [1, 21]


class SynthesisParams(Section):
    """Pseudo-fakes, with the published values as defaults. Pixels are those of a 384 px crop and scale with it.

    method: `sbi`, self-blended images, or `bi`, blended images of two people; hulls: variants of the landmarks' hull, one of which is
    drawn; elastic_alpha, elastic_sigma: pixels of the mask's elastic deformation; feather_kernel, feather_sigma: odd kernel and deviation
    in pixels of the blur that softens it.
    """

    method: Literal["sbi", "bi"] = "sbi"
    hulls: list[Hull] = Field(default=["full", "extended", "components", "face"], min_length=1)
    elastic_alpha: float = Field(default=50, ge=0, le=1000)
    elastic_sigma: float = Field(default=7, gt=0, le=100)
    feather_kernel: Kernels = [5, 25]
    feather_sigma: Deviations = [5, 45]
    sbi: SbiParams = SbiParams()
    bi: BiParams = BiParams()
