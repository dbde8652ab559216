"""`python -m clickprompt`."""

from clickprompt.cli import main

main()
