"""Yesterday's bundle, today's rows: train on, judge on rows held out, publish or keep what was, and go back."""

from clickprompt.workflows.update.config import GateConfig, RowsConfig, UpdateConfig, rows_config, update_config
from clickprompt.workflows.update.gate import Check, Verdict
from clickprompt.workflows.update.nightly import Update, update
from clickprompt.workflows.update.rollback import rollback
from clickprompt.workflows.update.store import ModelStore
from clickprompt.workflows.update.tables import update_report

__all__ = [
    "Check",
    "GateConfig",
    "ModelStore",
    "RowsConfig",
    "Update",
    "UpdateConfig",
    "Verdict",
    "rollback",
    "rows_config",
    "update",
    "update_config",
    "update_report",
]
