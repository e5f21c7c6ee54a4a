"""What a model is worth on a data set: :func:`predict_set` runs it, :func:`judge` measures, :func:`table` tells."""

from glsmamba.evaluation.figures import Figures, judge
from glsmamba.evaluation.predicting import Finder, Found, judged_frames, predict_set, read_predictions
from glsmamba.evaluation.telling import as_json, table

__all__ = ["Figures", "Finder", "Found", "as_json", "judge", "judged_frames", "predict_set", "read_predictions", "table"]
