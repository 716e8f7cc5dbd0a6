"""Learned models as codecs: a model, the coder of its latents, and a container, under one name.

learned_codec       RGB pictures: all families but those of planes
yuv420_codec        pictures of YUV 4:2:0
decoder_codec       +qr and +ft: the same bytes, decoded by a decoder that was trained further
fixed_point_codec   -int: entropy models in integers
"""
