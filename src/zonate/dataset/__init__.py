"""The prepared store: slices, labels, patients, splits, statistics."""
