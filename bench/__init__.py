"""Measurements of the whole product, each one command on servers of its own (`python -m bench --help`).

Nothing in the product imports from here. The executors in `noop.py` are ordinary ones that a worker is told of by
TASK_EXECUTORS, as an operator's own would be.
"""
