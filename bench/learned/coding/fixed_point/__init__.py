"""Entropy models in fixed point: the CDF of each symbol is computed in integers, equal on every machine.

Floating-point sums depend on their order, and the order on processor, library and threads: a file written on one
machine may not decode on another. Here all values are integers, and the arithmetic is

    weights, activations    8 bits; each output channel of weights, each channel of activations has a step of its own
    sums                    products of these and a bias of 32 bits, exact
    from sums to steps      (sum * multiplier + 2^(shift-1)) >> shift, multipliers of 15 bits, one for each channel;
                            sums below 0 have a multiplier of their own: that is the leaky rectifier
    out of the last layer   no limit of 8 bits: means in 1/16, scales in 1/1024, compared with integer bounds

Consecutive linear layers are merged: the masked convolution, and the last layer of the hyper-synthesis, each with its
part of the first entropy layer.

network      hyper-synthesis, context model and entropy parameters, in exact operations of PyTorch
integer_mixture
             distributions of Gaussian mixtures, in integers
calibration  a float network to an integer one, with photographs; weights are rounded with the smallest change of sums
fixed_point_latent_codecs
             range coding with these networks
weights      weights files
reference    reference implementation in NumPy with 64-bit integers, as a model for decoders elsewhere
"""
