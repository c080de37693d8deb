"""``python -m affectome``."""

from affectome.cli import main

if __name__ == "__main__":
    main()
