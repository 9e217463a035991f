"""What becomes of a case before a network sees it, in training as in prediction."""
