"""Pictures and image sets: what is measured on.

picture          `Picture` (RGB) and `Yuv420`, and reading image files
image_files      which image formats can be read here, and how each becomes 8-bit RGB
pixel_format     layouts and ranges of raw video
colour           conversion between RGB and YUV 4:2:0
clips            frames of Y4M and raw video
ffmpeg           the ffmpeg binary, for conversions
sets             the images of a set as files that can be opened
selection        images of a set by name, as `--images` takes them
datasets         image sets by name (datasets.toml), folder, glob or clip; fetching them
evaluation_sets  hashes of the pictures that no training may see

Imports `system`. The next folder up is `metrics`.
"""

from bench.images.picture import Picture, Yuv420

__all__ = ["Picture", "Yuv420"]
