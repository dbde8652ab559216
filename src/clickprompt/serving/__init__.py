"""HTTP around bundles. Nothing here imports PyTorch unless a model reads words."""
