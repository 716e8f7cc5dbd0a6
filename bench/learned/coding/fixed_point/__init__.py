"""Fixed point: from the hyper-latents to the table of each symbol in integers, the same on every machine.

Floating-point sums depend on their order, and the order on processor, library and threads: a file written on one
machine may not decode on another. Here nothing is left to rounding. All values are integers, and the arithmetic is

    weights, activations    8 bits; each output channel of weights, each channel of activations has a step of its own
    sums                    products of these and a bias of 32 bits, exact
    from sums to steps      (sum * multiplier + 2^(shift-1)) >> shift, multipliers of 15 bits, one for each channel;
                            sums below 0 have a multiplier of their own: that is the leaky rectifier
    out of the last layer   no limit of 8 bits: means in 1/16, scales in 1/1024, compared with integer bounds

Two linear layers in a row are one: the masked convolution and the first entropy layer, whose other half is one with
the last layer of the hyper-synthesis.

arithmetic   the operations, on PyTorch; exact, because a float holds integers up to 2^24 or 2^53
integer_mixture
             distributions of Gaussian mixtures, in integers
network      hyper-synthesis, context model and entropy parameters, made of these
linear       the float network as linear layers: what is to be quantised
rounding     float weights to 8 bits, such that a layer's output changes least
calibration  a float network to an integer one, on photographs
fixed_point_latent_codecs
             range coding with these networks
weights      the file
reference    the same network in plain NumPy, 64-bit integers throughout: what a decoder elsewhere has to do
"""
