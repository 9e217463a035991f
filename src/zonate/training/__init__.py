"""What a training is made of besides its learner: where it begins, its epochs, its processes, its card."""
