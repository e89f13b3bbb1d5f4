"""``python -m fairway``: the same as the command ``fairway``."""

from .cli import main

if __name__ == "__main__":
    main(prog_name="fairway")
