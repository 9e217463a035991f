"""How long things take, against the floor of the machine and against what a user would pick instead."""
