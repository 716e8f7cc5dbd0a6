"""Conventional codecs, one module each, and data on published curves, claims and references.

To add a codec, write a module and add a line to `CODECS`.
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
    "vtm": "baselines.reference_encoders:Vtm",
    "hm": "baselines.reference_encoders:Hm",
}
"""Codec name to "module:Class", for `bench.codecs.registry`."""

SYNONYMS = {
    "jpeg": ("jpeg420",),
    "jpeg2000": ("jp2", "j2k", "openjpeg", "j2k-opj5"),
    "jpegxl": ("jpeg-xl", "jxl"),
    "bpg-444": ("bpg444", "bpg_444_x265_ycbcr", "bpg"),
    "bpg-420": ("bpg420",),
    "vvc": ("vvenc", "h266"),
    "vtm": (),
    "hm": (),
}
"""Codec name to synonyms in papers and data files, for `bench.codecs.synonyms`."""
