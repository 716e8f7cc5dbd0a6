"""Model for YUV 4:2:0 of Duan et al. 2023: two branches, with attention from luma to chroma.

Only a summary of the paper was available. Details that it leaves open are our choice, as stated in the docstrings.

A picture is *packed*: (B, 6, H/2, W/2) in [0, 1], with the four luma samples of each 2x2 block (in raster order), then
U and V. Where the paper processes luma at full size, this implementation processes the four planes as channels.

    blocks        parts of a feature attention block (FAB)
    guidance      inter-component guidance: attention of chroma to luma (IGU), and of both to each other (BGU)
    enhancement   filter after the decoder (ACEM), and its indicator
    model         branches, fusion and split, core of 1x1 convolutions
"""
