"""From logits to probabilities that mean what they say; fitted after training, applied with NumPy alone."""

from clickprompt.calibration.file import CALIBRATION_FILE, read_calibrator, write_calibrator
from clickprompt.calibration.fit import CalibrationKind, Calibrator, Fitted, fit_calibrator
from clickprompt.calibration.isotonic import IsotonicCalibrator
from clickprompt.calibration.platt import PlattCalibrator
from clickprompt.calibration.sampling import sampling_shift, shift_calibrator, shifted

__all__ = [
    "CALIBRATION_FILE",
    "CalibrationKind",
    "Calibrator",
    "Fitted",
    "IsotonicCalibrator",
    "PlattCalibrator",
    "fit_calibrator",
    "read_calibrator",
    "sampling_shift",
    "shift_calibrator",
    "shifted",
    "write_calibrator",
]
