"""Pictures and image sets.

picture          pictures in memory: `Picture` (RGB) and `Yuv420`
image_files      image formats that can be read, and their conversion to 8-bit RGB
pixel_format     layouts and ranges of raw video
colour           conversion between RGB and YUV 4:2:0
clips            frames of Y4M and raw video
ffmpeg           the ffmpeg binary, for conversions
set_images       images of a set: read from a file, converted to planes, or taken from a clip
selection        images of a set by name or glob (`--images`)
datasets         image sets by name (datasets.toml), folder, glob or clip; downloads; hashes refused for training
archives         image sets that are distributed as an archive

Imports `system`. The next folder below is `metrics`.
"""

from bench.images.picture import Picture, Yuv420

__all__ = ["Picture", "Yuv420"]
