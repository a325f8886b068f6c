"""Two processes that take what a quota lets them."""

import subprocess
import sys
from pathlib import Path

from configuration import ROOT
from tests.patience import PATIENT

TAKER = """
import asyncio, sys
from pathlib import Path
from market.errors import ProviderError
from market.providers.quotas.quota import LocalCounters, Quota
from market.providers.quotas.redis_quota import RedisCounters
from redis_client import connect

async def main():
    home, url = Path(sys.argv[1]), sys.argv[2]
    places = [LocalCounters(home)] if not url else [RedisCounters(connect(url, 5.0)), LocalCounters(home)]
    quota, taken = Quota("tiingo", ["40/day"], places), 0
    for _ in range(40):
        try:
            await quota.acquire()
            taken += 1
        except ProviderError:
            pass
    print(taken)

asyncio.run(main())
"""


def taken_by_processes(home: Path, url: str = "") -> list[int]:
    command = [sys.executable, "-c", TAKER, str(home), url]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    return [int(process.communicate(timeout=PATIENT)[0]) for process in both]
