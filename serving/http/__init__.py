"""HTTP: translates requests into calls of the other packages and results into answers.

```
middleware     what every request passes, in order: hits from memory, the envelope, the dispatcher
application    FastAPI with the routes of `routes/`
```
"""
