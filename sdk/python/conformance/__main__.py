"""The conformance runner of Python: python sdk/python/conformance [--asyncio | --sent FILE] CASES CONTROL_URL.

With `--sent` the file gets what is sent, a line for each request.
"""

import asyncio
import json
import sys
from pathlib import Path

from drivers import Async, Sync
from sent import Sent
from steps import Case


async def main(arguments: list[str]) -> int:
    driver = Async() if "--asyncio" in arguments else Sync()
    sent = Sent(Path(arguments[1])) if arguments[0] == "--sent" else None
    if sent:
        sent.listen()
    file, url = arguments[-2:]
    for case in json.loads(Path(file).read_text())["cases"]:
        if sent:
            sent.case = case["name"]
        told = {"case": case["name"], "ok": True}
        try:
            await Case(driver, url).run(case)
        except Exception as error:  # whatever it is, the other cases run
            told = {"case": case["name"], "ok": False, "why": f"{type(error).__name__}: {error}"}
        print(json.dumps(told, ensure_ascii=False), flush=True)
    return 0


sys.exit(asyncio.run(main(sys.argv[1:])))
