"""Champions of an MLflow server, brought into the model store of a service that has no MLflow of its own."""
