"""Improving the model on an annotator's corrections: which labels it learns from, and the process that does it. No Qt."""
