"""BPG (specification 0.9.5, F. Bellard): HEVC intra pictures in a small container, written and read here.

    picture -> YCbCr planes -> x265 (HEVC stream) -> container     codec.py, x265.py, hevc.py, container.py
    container -> HEVC stream -> ffmpeg -> YCbCr planes -> picture

The container drops what HEVC repeats for nothing, most of all the parameter sets. `bits.py` reads and writes the
variable-length numbers of both formats.
"""
