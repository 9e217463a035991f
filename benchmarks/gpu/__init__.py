"""What a training takes on a GPU, against the plain loop on the same GPU."""
