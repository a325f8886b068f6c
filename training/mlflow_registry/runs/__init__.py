"""MLflow's tracking: the experiment, its runs, and what each says."""
