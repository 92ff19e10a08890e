"""Small photos of every kind of every format, also of kinds that are refused."""

import io
from pathlib import Path

from PIL import Image

from testing.heics import Picture, coded, drawn, grid, nclx, written
from testing.jpegs import VARIANTS, picture, sampled, saved
from testing.photo_files import PROFILE

SIZE = (57, 43)
TRANSPOSED = Image.Exif()
TRANSPOSED[0x0112] = 6
Kinds = list[tuple[Image.Image, dict[str, object]]]


def samples(name: str, folder: Path) -> list[bytes]:
    """Return photos that are edited, of every kind of a format. `folder` is for temporary files."""
    if name == "JPEG":
        return _jpegs(folder)
    if name == "HEIC":
        return _heics()
    return [_encoded(image, name, options) for image, options in _kinds(name)]


def refused_samples(name: str) -> list[bytes]:
    """Return photos of kinds that are refused: animations, several pages, 16 bits per channel."""
    two = [picture((16, 16)), picture((16, 16), seed=1)]
    match name:
        case "PNG" | "GIF" | "WEBP" | "TIFF" | "AVIF":
            return [_encoded(two[0], name, {"save_all": True, "append_images": two[1:]})]
        case "HEIC":
            return [drawn("alpha.heic")]
    return []


def _kinds(name: str) -> Kinds:
    rgb = picture(SIZE)
    bits, grey, rgba, palette = (rgb.convert(mode) for mode in ("1", "L", "RGBA", "P"))
    rgba.putalpha(grey)
    grey_alpha = grey.convert("LA")
    grey_alpha.putalpha(grey)
    deep = grey.point(lambda value: value * 257, "I").convert("I;16")
    profile = {"icc_profile": PROFILE}
    turned = {"exif": TRANSPOSED, **profile}
    by_format: dict[str, Kinds] = {
        "PNG": [*((image, {}) for image in (bits, grey, deep, rgb, rgba, palette, grey_alpha)),
                (palette, {"transparency": 3, "bits": 4}), (grey, {"transparency": 3}),
                (rgb, {"transparency": (9, 9, 9)}), (rgb, turned), (grey, {"dpi": (72, 72)})],
        "WEBP": [(rgb, {}), (rgba, {}), (rgb, {"lossless": True}), (rgba, {"lossless": True}),
                 (rgb, {"lossless": True, **turned}), (rgba, turned)],
        "GIF": [(palette, {}), (grey, {}), (palette, {"transparency": 3}), (palette, {"interlace": 1})],
        "BMP": [(image, {}) for image in (bits, grey, rgb, palette)],
        "TIFF": [*((image, {"compression": compression}) for image in (grey, rgb, rgba)
                   for compression in ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "zstd")),
                 *((image, {}) for image in (bits, palette, deep, grey_alpha, rgb.convert("CMYK"))),
                 (rgb, {"compression": "jpeg"}), (bits, {"compression": "group4"}), (rgb, {"big_tiff": True}),
                 (rgb, {"compression": "tiff_lzw", "tiffinfo": {317: 2, 274: 6, 282: 72.0, 283: 72.0}, **profile})],
        "AVIF": [(rgb, {}), (rgba, {}), (rgb, {"subsampling": "4:4:4"}), (rgb, turned)],
    }  # fmt: skip
    return by_format[name]


def _jpegs(folder: Path) -> list[bytes]:
    several = io.BytesIO()
    picture(SIZE).save(several, "MPO", save_all=True, append_images=[picture((16, 16))])
    plain = [
        saved(picture(SIZE), quality=quality, subsampling=sampling, **options)
        for quality, sampling in ((60, "4:2:0"), (90, "4:2:2"), (99, "4:4:4"))
        for options in VARIANTS.values()
    ]
    return [
        *plain,
        *(saved(picture(SIZE, "L"), **options) for options in VARIANTS.values()),
        *(sampled(picture(SIZE), sampling, folder) for sampling in ("4:4:0", "4:1:1", "4:1:0")),
        saved(picture(SIZE), keep_rgb=True),
        saved(picture(SIZE, "CMYK")),
        saved(picture(SIZE), exif=TRANSPOSED, icc_profile=PROFILE, comment=b"x"),
        several.getvalue(),
    ]


def _heics() -> list[bytes]:
    plain = coded(drawn("gradient.heic"))
    tile = Picture(plain.kind, plain.data, plain.properties, hidden=True)
    return [
        *(drawn(f"{name}.heic") for name in ("gradient", "gradient_444", "grey", "ten_bits")),
        written(plain.having((b"irot", b"\1"), nclx(1, 13))),
        written(grid(2, 1, (64, 64), tiles=[1, 2]), tile, tile),
        written(plain, tile, after=b"\0\0\0\x0cmoov\0\0\0\0"),
    ]


def _encoded(image: Image.Image, name: str, options: dict[str, object]) -> bytes:
    data = io.BytesIO()
    image.save(data, name, **options)
    return data.getvalue()
