"""The model for YUV 4:2:0 of Duan et al. 2023: two branches, and attention from luma to chroma.

Only a summary of the paper could be read. What it leaves open is our choice, and each docstring says what.

A picture is *packed*: (B, 6, H/2, W/2) in [0, 1], the four samples of luma in each block of 2x2 (in raster order), then
U and V. What the paper does to luma at its full size, this does to the four planes side by side.

    blocks        what a feature attention block (FAB) is made of
    guidance      inter-component guidance: attention of chroma to luma (IGU), and of both to each other (BGU)
    transforms    g_a and g_s: branches, fusion and split, the core of 1x1 convolutions
    enhancement   the filter behind the decoder (ACEM), and its indicator
    model         the codec's model
"""
