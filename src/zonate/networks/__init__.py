"""The networks of pix2pix."""
