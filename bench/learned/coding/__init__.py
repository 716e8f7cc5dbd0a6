"""Entropy coding of latents, and the files that hold them.

container             file format: identity of the model, picture size, checksums
cdfs                  integer CDFs of the range coder: stored ones, and those of Gaussian mixtures
latent_codecs         range coding of z and y: latents to payload and back; mixture_latent_codec: with Gaussian mixtures
wavefront             decoding order of autoregressive models, many positions at once
entropy_parameters    distributions of y, equal to the last bit in encoder and decoder
fixed_point           entropy models in integers
transforms            pictures to latents and back; subpixel, row_tiles: faster layers for them
tiles                 transforms of big pictures in tiles
loaded_model          a model that is ready to code
strings, stages       models with their own entropy coder: their strings as a payload, and their stages
symbol_limit          limit on the symbols that CompressAI's range coder accepts
diagnosis             latents and bits of each element
complexity            parameters and multiply-accumulate operations
"""
