"""clickprompt: click-through-rate models that understand words."""

import os

__version__ = "0.1.0"

# ONNX Runtime's packages report to their maker unless this is set before they are loaded; set it to 0 if you want that.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
