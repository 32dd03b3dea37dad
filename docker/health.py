"""The health check of a container: does Airflow's API say that this part is healthy?"""

import json
import sys
from urllib.request import urlopen

URL = "http://api-server:8080/api/v2/monitor/health"


def main(part: str, url: str = URL) -> int:
    """Return 0 when a part is healthy, and 1 when it is not or nothing answers.

    Args:
        part: `metadatabase`, `scheduler`, `dag_processor` or `triggerer`.
        url: Where Airflow's API answers.
    """
    try:
        with urlopen(url, timeout=10) as reply:  # noqa: S310 - a constant address
            status = json.load(reply)[part]["status"]
    except (OSError, ValueError, LookupError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    sys.stdout.write(f"{status}\n")
    return 0 if status == "healthy" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
