"""A local `evaluate` module; load it by `evaluate.load(metric_path(...))`, or use its class."""
