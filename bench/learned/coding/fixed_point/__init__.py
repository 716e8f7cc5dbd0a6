"""Entropy models in fixed point: the CDF of each symbol is computed in integers, equal on every machine.

Floating-point sums depend on their order, and the order on processor, library and number of threads: a file written on
one machine may not decode on another. Here, all values are integers:

    weights, activations    8 bits, with one step per output channel of weights and per channel of activations
    sums                    products of these plus a bias of 32 bits, exact
    rescaling of sums       (sum * multiplier + 2^(shift-1)) >> shift, with one multiplier of 15 bits per channel;
                            negative sums have another multiplier, which implements the leaky ReLU
    output of last layer    not limited to 8 bits: means in 1/16, scales in 1/1024, compared with integer bounds

Consecutive linear layers are merged: the masked convolution, and the last layer of the hyper-synthesis, each with its
part of the first entropy layer.

network                     hyper-synthesis, context model and entropy parameters, in exact operations of PyTorch
integer_mixture             distributions of Gaussian mixtures, in integers
calibration                 conversion of a float network to integers, calibrated on photographs
prediction                  prediction of integer weights from the float model, to store only the differences
fixed_point_latent_codecs   range coding with integer networks
weights                     weights files
"""
