#!/usr/bin/python3 -S
"""Stands for `cadre data show DATASET --json`: prints FAKE_CADRE_DATA/DATASET.json, no rows if there is none."""

import os
import sys

path = os.path.join(os.environ["FAKE_CADRE_DATA"], sys.argv[3] + ".json")
if sys.argv[1:3] != ["data", "show"] or "--json" not in sys.argv:
    sys.exit(2)
if os.path.exists(path):
    with open(path, encoding="utf-8") as file:
        print(file.read())
else:
    print('{"rows": []}')
