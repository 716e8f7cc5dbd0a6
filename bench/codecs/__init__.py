"""The contract of a codec, and the registry of codecs and metrics.

codec      `Codec`: picture to bytes and back; `CodecSpec`: what a user asks for
registry   names to classes: registered ones, entry points, and `file.py:Class`
user_code  code that is not the package's: what it holds is its version
adapter    one way to call a codec, whichever kind of picture it takes
probe      what a codec reports while it works: stages and notes

Imports `system`, `images` and `metrics`. The codecs themselves are in `bench.learned` and `baselines`, which import
this folder and not each other.
"""

from bench.codecs.codec import Codec, QualityScale, Scalar, Yuv420Codec

__all__ = ["Codec", "QualityScale", "Scalar", "Yuv420Codec"]
