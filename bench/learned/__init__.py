"""Learned image codecs: models, their training, their weights and the coding of their latents."""
