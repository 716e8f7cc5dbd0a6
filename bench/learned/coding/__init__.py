"""From latents to files and back.

container   what surrounds the payload: identity, size, checksums
tables      symbols to bits, by the integer tables that come with the weights
wavefront   the order in which an autoregressive model is coded, many positions at once
parameters  the distributions of y: everything that encoder and decoder must compute alike
latents     the entropy path of a model, one function for both directions
synthesis   the transforms, quick on a CPU
system      a model that is ready to code
strings     what surrounds the strings of a model that codes by itself
stages      the stages of such a model
diagnosis   latents and bits, element by element
complexity  what a model costs whatever the machine
"""
