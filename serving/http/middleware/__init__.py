"""What every request passes before it reaches a route, in order.

```
cache_hits    GET /predict/{ticker} from memory, written by the server before the application is called
entrance      puts the others together
envelope      timing headers, counting, problem details, HEAD, places at overload
dispatcher    a plain request to its endpoint, BentoML's own paths to BentoML, everything else to the application
```
"""
