"""Learned image codecs: models, their training, their weights and the coding of their latents."""

import warnings

# Importing CompressAI warns about the future of PyTorch; nobody here can act on it. This is for the whole process: a
# filter that is set for the time of an import can be undone meanwhile by one that another thread sets, as Dask's do.
warnings.filterwarnings("ignore", category=FutureWarning, module=r"(torch|compressai)\.")
