"""Ways into the dataset: one file a layout."""
