"""Weights files: the only place that knows how trained models are stored.

catalogue     names of weights and where their files are; no torch
checkpoints   CompressAI's published checkpoints: list, download, verification (zoo.toml)
header        the header of a weights file, checked
container     tensors and a header in a safetensors file
full          full weights: a model with all that its bitstreams depend on
delta         delta weights: a file that names the weights it goes with and holds only the tensors that differ
scaling       tensors that differ by a factor for each channel, stored as factors
rectified     weights of +qr and +ft
tables        the integer tables of the entropy coder
zoo           CompressAI's published checkpoints as models
selection     files that the user names, and which quality each is; no torch
state_dicts   checkpoints of any make as tensors by name
recognition   which architecture and widths these are of
own_models    models of a class of the user's own from such checkpoints
foreign       checkpoints that others trained as models, and ours as checkpoints of CompressAI

The package's own weights are in the folder `compact`.
"""
