"""Weights files: storage of trained models.

catalogue           names of weights and locations of their files; without torch
file_selection      files named by the user, and the quality of each; without torch
checkpoints         CompressAI's published checkpoints (compressai_zoo.toml): list, download; without torch
tensor_file         tensors and a header in a safetensors file
full                full weights: a model with all that its bitstreams depend on
delta               delta weights: a file with only the tensors that differ from its base
scaling             tensors that differ by one factor per channel, stored as these factors
packing             convolutions rounded to few bits, and how a file stores them
rectified           weights of +qr and +ft, with rectifiers in 8 bits
stored_cdfs         the integer CDFs of the range coder, as tensors
state_dicts         state dicts in checkpoints of any training code, and their validation
recognition         the architecture and widths of such a checkpoint
own_models          models of a user's own class, loaded from such checkpoints
foreign             models from checkpoints of CompressAI and of others, and checkpoints for CompressAI

The package's own weights are in the folder `compact`.
"""
