"""Counts without a regular expression: what the demo's report is compared with.

python counted.py FILE        one line of JSON: words, distinct, sentences, frequent, counts
"""

import json
import sys
from collections import Counter
from pathlib import Path

CLOSING = "\"'”’»)]}"


def counted(path: Path) -> dict:
    """What a file holds, read as the demo reads it."""
    return of(path.read_bytes().decode("utf-8", "replace"))


def of(text: str) -> dict:
    """A word is a run of letters, digits and underscores, counted in lower case.

    Frequent are the ten words of 4 characters or more that occur most, by name where equal.
    """
    counts: Counter[str] = Counter()
    word = ""
    for sign in text + " ":
        if sign.isalnum() or sign == "_":
            word += sign
        elif word:
            counts[word.lower()] += 1
            word = ""
    long = sorted(word for word in counts if len(word) >= 4)
    frequent = sorted(long, key=counts.__getitem__, reverse=True)[:10]
    return {
        "words": counts.total(),
        "distinct": len(counts),
        "sentences": sum(ends(run) for run in text.split()),
        "frequent": {word: counts[word] for word in frequent},
        "counts": dict(counts),
    }


def ends(run: str) -> bool:
    """Whether a run without white space ends a sentence: with . ! or ?, then what may close it."""
    return run.rstrip(CLOSING).endswith((".", "!", "?"))


if __name__ == "__main__":
    print(json.dumps(counted(Path(sys.argv[1]))))
