"""The Hub: what a model's repository holds, and how it gets there."""
