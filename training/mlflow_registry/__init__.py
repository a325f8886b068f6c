"""MLflow: runs, registered versions and their aliases.

`runs` logs executions of the pipeline, `versions` reads what is registered, `recording` makes a trained model a run and
a version, and `registry` decides which version is champion.
"""
