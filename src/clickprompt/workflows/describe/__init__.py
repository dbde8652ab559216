"""What there is to know of a recipe's data before anything is trained, from the prepared folder alone."""

from clickprompt.workflows.describe.description import Description
from clickprompt.workflows.describe.gather import describe
from clickprompt.workflows.describe.page import render_page, write_page
from clickprompt.workflows.describe.plain import write_json
from clickprompt.workflows.describe.terminal import print_description

__all__ = ["Description", "describe", "print_description", "render_page", "write_json", "write_page"]
