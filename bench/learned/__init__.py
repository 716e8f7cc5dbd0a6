"""The learned codecs.

quick_import    CompressAI without what only its point clouds need
families        the table of families, from which codecs, weights, training and pages derive
lambdas         the lambda of each quality
architectures   CompressAI's names: aliases of families, and architectures coded by CompressAI's own code
models          the networks, in the papers' notation, without any coding
weights         weights files: formats, the package's own weights, CompressAI's checkpoints
coding          latents to bytes and back: CDFs, range coder, wavefront, fixed point, row tiles
codecs          a model, its latent codec and a container as a `Codec`
training        losses, phases, the loop, the recipe of the package's weights

Each imports only those listed before it; `training` does not import `coding` or `codecs`, nor they `training`. Imports
`bench.codecs` and the folders above it, but not its neighbour `baselines`. The next folder below is `results`.
"""

import warnings

from bench.learned import quick_import

# Importing CompressAI gives FutureWarnings of PyTorch that users cannot act on. The filter is for the whole process:
# one set only during the import could be undone by another thread that sets filters, as Dask's threads do.
warnings.filterwarnings("ignore", category=FutureWarning, module=r"(torch|compressai)\.")

quick_import.install()
