"""The queue of trainings: serving asks, a worker of training does."""
