"""The parts of the training loop, which itself stands in `zonate.verbs.train`."""
