"""The learned codecs.

quick_import    import of CompressAI without the slow packages that its models do not use
families        table of the families, from which codecs, weights, training and pages derive
lambdas         lambda of each quality
architectures   CompressAI's names: aliases of families, and architectures coded by CompressAI's own code
models          the networks, in the papers' notation, without any coding
weights         weights files: formats, the package's own weights, CompressAI's checkpoints
coding          latents to bytes and back: CDFs, range coder, wavefront, fixed point, row tiles
codecs          `Codec` classes made of a model, its latent codec and a container
training        losses, phases, the training loop, the recipe of the package's weights

Each imports only those listed before it, and `training` does not import `codecs`. The folder imports `bench.codecs` and
the folders above that, but not its neighbour `baselines`. The next folder below is `results`.
"""

import warnings

from bench.learned import quick_import

# Importing CompressAI triggers FutureWarnings of PyTorch that users cannot act on. The filter applies to the whole
# process, because another thread that sets filters, as Dask's do, could undo one set only during the import.
warnings.filterwarnings("ignore", category=FutureWarning, module=r"(torch|compressai)\.")

quick_import.install()
