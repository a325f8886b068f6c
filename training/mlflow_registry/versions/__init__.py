"""MLflow's model registry: versions with their aliases, as they are read."""
