"""Where kernels, formats and pictures meet the model: the steps, one module per subject."""
