"""Many cases at once: side by side in this process or on the workers of a cluster, and what is kept of them."""
