"""`jaxiom bench` held against its bars (2 cores): exit code 1 where one is missed.

    python benchmarks/measure_layer.py [--images 8] [--rounds 15] [--dtype float32] [--json]

With padding SAME, over the bare two jitted sides: both sides, drift and prediction at most 1.25 times; the rounding
bound, with its judgement, 2.5 times; the exact check to 2^-60 16 times (aim: 10).
"""

import argparse
import json
import sys

from jaxiom import speed

BARS = {speed.SIDES: 1.25, speed.BOUND: 2.5, speed.EXACT: 16}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = speed.run(speed.LAYER | {"n": options.images}, dtype=options.dtype, rounds=options.rounds)
    print(json.dumps(found.record() | {"bars": BARS}, indent=2) if options.json else found)
    missed = {name: bar for name, bar in BARS.items() if found.ratios[name] > bar}
    for name, bar in missed.items():
        print(f"missed: {name}: {found.ratios[name]:.2f} > {bar}", file=sys.stderr)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
