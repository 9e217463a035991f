"""What happens to training slices beyond quarter turns and flips: in batches, on the device that learns from them."""
