"""What training and serving share: the forecast, the model card, the baseline, the list of training jobs."""
