"""Which method segments unseen patients best, with the same folds, budget and evaluation for all."""
