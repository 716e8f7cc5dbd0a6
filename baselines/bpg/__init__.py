"""BPG (specification 0.9.5, F. Bellard): HEVC intra pictures in a small container.

    picture -> YCbCr planes -> x265 (HEVC stream) -> container     codec.py, x265.py, hevc.py, bpg_file.py
    container -> HEVC stream -> ffmpeg -> YCbCr planes -> picture

The container omits the parameter sets and other headers of HEVC that a single picture does not need. `bits.py` reads
and writes the variable-length codes of both formats.
"""
