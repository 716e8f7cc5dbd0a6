"""Weights files: storage of trained models.

catalogue           names of weights and the locations of their files; does not import torch
file_selection      files given by the user, and the quality of each; does not import torch
checkpoints         list and download CompressAI's published checkpoints (compressai_zoo.toml); does not import torch
tensor_file         tensors and a header in a safetensors file
full                full weights: a model with everything that its bitstreams depend on
delta               delta weights: only the tensors that differ from those of a base
scaling             tensors that differ by one factor per channel, stored as these factors
packing             convolutions rounded to a few bits, and their storage
rectified           weights of +qr and +ft, with rectifiers in 8 bits
stored_cdfs         the integer CDFs of the range coder, as tensors
state_dicts         read and validate state dicts in checkpoints of any training code
recognition         recognise the architecture and widths of such a checkpoint
own_models          load such checkpoints into a user's own model class
foreign             load checkpoints of CompressAI and others, export checkpoints for CompressAI

The weights that ship with the package are in the folder `compact`.
"""
