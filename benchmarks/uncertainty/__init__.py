"""Whether a model knows when it fails: expected against real Dice, and whom the warnings find."""
