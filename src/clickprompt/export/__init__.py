"""A bundle as files that other software runs: ONNX, torch.export, a Triton model repository."""
