"""Benchmarks: what the program needs, beside what the same machine could do at best, measured in the same run.

`python -m bench` prints one JSON document. Each figure comes with its limit, the ratio of both, the bound the ratio
must keep, and whether it does. Nothing here is imported by the program.
"""
