"""HTTP: translates requests into calls of the other packages and results into answers.

```
entrance      cache hits, then the envelope, then the dispatcher
cache_hits    GET /predict/{ticker} from memory
envelope      timing headers, counting, problem details, HEAD, places at overload
dispatcher    a plain request to its endpoint, BentoML's own paths to BentoML, everything else to the application
application   FastAPI with the routes of `routes/`
```
"""
