"""One execution of the pipeline: over many models, on one machine or a cluster, interruptible."""
