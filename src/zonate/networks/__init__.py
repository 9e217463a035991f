"""The segmenting networks and the discriminators."""
