"""The conventional codecs, one module each; published curves, claims and references as data.

To add a codec, write a module and a line in `CODECS`.
"""

CODECS = {
    "jpeg": "baselines.jpeg:Jpeg",
    "jpeg-444": "baselines.jpeg:Jpeg444",
    "jpeg-opt": "baselines.jpeg:JpegOptimised",
    "mozjpeg": "baselines.mozjpeg:MozJpeg",
    "webp": "baselines.webp:WebP",
    "jpeg2000": "baselines.jpeg2000:Jpeg2000",
    "jpeg2000-53": "baselines.jpeg2000:Jpeg2000Reversible",
    "bpg-444": "baselines.bpg.codec:Bpg444",
    "bpg-420": "baselines.bpg.codec:Bpg420",
    "bpg-444-jctvc": "baselines.bpg.codec:Bpg444Jctvc",
    "bpg-420-jctvc": "baselines.bpg.codec:Bpg420Jctvc",
    "avif": "baselines.avif:Avif",
    "avif-420": "baselines.avif420:Avif420",
    "jpegxl": "baselines.jpegxl:JpegXl",
    "vvc": "baselines.vvc:Vvc",
}
"""Codec name to "module:Class", for `bench.codecs.registry`."""
