"""Entry of the administrator's command line: `python manage.py --help`."""

from commands.cli import main

if __name__ == "__main__":
    main()
