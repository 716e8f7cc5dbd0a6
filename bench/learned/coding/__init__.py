"""Entropy coding of latents, and the files that hold them.

container             file format: identity of the model, picture size, checksums
cdfs                  range coder with integer CDFs: those stored with the weights, and those of Gaussian mixtures
latent_codecs         range coding of z and y: latents to payload and back
mixture_latent_codec  the same with Gaussian mixtures
wavefront             decoding order of autoregressive models, many positions at a time
entropy_parameters    distributions of y, bit-identical in encoder and decoder
fixed_point           entropy models in integers
transforms            pictures to latents and back; subpixel, row_tiles: faster layers for them
tiles                 tiled transforms of large pictures
loaded_model          a model prepared for coding
strings, stages       file format and stages of models with their own entropy coder
symbol_limit          limit on the symbols that CompressAI's range coder accepts
diagnosis             latents and bits of each element
complexity            parameters and multiply-accumulate operations
"""
