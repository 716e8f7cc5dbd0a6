"""The learned codecs.

families        the table of families: everything that names one derives from it
architectures   CompressAI's names: which are families here, and which its own code codes
models          the networks, in the papers' notation; they know no bytes
weights         weights files: formats, the package's own weights, CompressAI's checkpoints
coding          latents to bytes and back: CDFs, range coder, wavefront, fixed point, row tiles
codecs          a model, its coder and a container as a `Codec`
training        losses, phases, the loop, the recipe of the package's weights

In this order: each imports those before it, and `training` imports neither `coding` nor `codecs`, nor they it. Beside
`baselines`, which it does not import; imports `codecs` and what is below. The next folder up is `results`.
"""

import warnings

# Importing CompressAI warns about the future of PyTorch; nobody here can act on it. This is for the whole process: a
# filter that is set for the time of an import can be undone meanwhile by one that another thread sets, as Dask's do.
warnings.filterwarnings("ignore", category=FutureWarning, module=r"(torch|compressai)\.")
