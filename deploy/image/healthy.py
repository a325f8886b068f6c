"""Health check of the serving image: exit status 0 when the service says that it is ready."""

import os
import urllib.request

urllib.request.urlopen(f"http://127.0.0.1:{os.environ['BENTOML_PORT']}/readyz", timeout=4)
