"""The model for YUV 4:2:0 of Duan et al. 2023: two branches, and attention from luma to chroma.

Only a summary of the paper was available. What it leaves open is our choice, as stated in the docstrings.

A picture is *packed*: (B, 6, H/2, W/2) in [0, 1], the four samples of luma in each 2x2 block (in raster order), then U
and V. Where the paper processes luma at full size, this implementation processes the four planes side by side.

    blocks        the parts of a feature attention block (FAB)
    guidance      inter-component guidance: attention of chroma to luma (IGU), and of both to each other (BGU)
    enhancement   the filter after the decoder (ACEM), and its indicator
    model         the model: branches, fusion and split, the core of 1x1 convolutions
"""
