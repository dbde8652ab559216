"""Studies: grids of runs from one file, with tables of what they say."""

from clickprompt.workflows.study.config import Study, load_study, parse_study
from clickprompt.workflows.study.overview import print_plan
from clickprompt.workflows.study.plan import plan
from clickprompt.workflows.study.runner import run_study

__all__ = ["Study", "load_study", "parse_study", "plan", "print_plan", "run_study"]
