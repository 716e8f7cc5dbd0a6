"""The contract of a codec, and the registry of codecs and metrics.

codec      `Codec`: picture to bytes and back; `CodecSpec`: name and qualities of a codec on the command line
registry   names to classes: registered ones, entry points, and `file.py:Class`
synonyms   tables of codecs in the folders below, and suggestions for unknown names
user_code  codecs and metrics in a user's files, identified by the hash of their code
adapter    the same interface for codecs of RGB and of YUV 4:2:0 pictures
probe      stages and diagnostics that a codec reports while it works

Imports `system`, `images` and `metrics`. The codecs themselves are in `bench.learned` and `baselines`, which import
this folder and not each other.
"""

from bench.codecs.codec import Codec, QualityScale, Scalar, Yuv420Codec

__all__ = ["Codec", "QualityScale", "Scalar", "Yuv420Codec"]
