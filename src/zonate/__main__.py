"""`python -m zonate`: the command line, as torchrun starts it."""

from zonate.cli import main

if __name__ == "__main__":
    main()
