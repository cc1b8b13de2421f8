"""Counts words without a regular expression: what the demo's report is compared with.

python counted.py FILE        one line of JSON: words, distinct, counts
"""

import json
import sys
from collections import Counter
from pathlib import Path


def counted(path: Path) -> dict:
    """A word is a run of letters, digits and underscores, counted in lower case."""
    counts: Counter[str] = Counter()
    word = ""
    for sign in path.read_bytes().decode("utf-8", "replace") + " ":
        if sign.isalnum() or sign == "_":
            word += sign
        elif word:
            counts[word.lower()] += 1
            word = ""
    return {"words": counts.total(), "distinct": len(counts), "counts": dict(counts)}


if __name__ == "__main__":
    print(json.dumps(counted(Path(sys.argv[1]))))
