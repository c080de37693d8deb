"""How work is run, kept apart from what it computes: blocks, clusters, shards, runs and plans.

Nothing here changes a result: the same bytes come from one process, many, or a cluster.
"""

from affectome.execution.blocks import ExecutionError, Shared, cut, run_blocks
from affectome.execution.cluster import on_cluster
from affectome.execution.shards import Shards

__all__ = ["ExecutionError", "Shards", "Shared", "cut", "on_cluster", "run_blocks"]
