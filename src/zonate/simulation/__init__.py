"""A digital pelvis phantom and the scanners that image it: what `simulate` is made of."""
