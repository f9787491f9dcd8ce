"""`python -m plinth_cli` is `plinth`."""

from plinth_cli.main import main

if __name__ == "__main__":
    main()
