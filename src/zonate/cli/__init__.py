"""The command line: parses, calls one public function of the same name, and renders.

What a person reads goes to stderr, what a program reads to stdout or to files. Exit codes: 0 done;
1 a study failed (in a batch: some did, they are listed and the others are done); 2 the call itself is wrong.
"""

from zonate.cli.commands import main

__all__ = ["main"]
