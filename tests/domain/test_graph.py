"""Cycles, closures and levels, held against the slow and obvious way."""

import time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks_app.domain.graph import CycleFound, closure, find_cycle, levels, unknown

nodes = st.integers(0, 7)
graphs = st.lists(st.tuples(nodes, nodes), max_size=20)


def reachable(edges: list[tuple[int, int]], start: Any) -> set:
    """What can be reached from `start` by at least one edge."""
    found: set = set()
    while True:
        more = {end for begin, end in edges if begin == start or begin in found} - found
        if not more:
            return found
        found |= more


@given(edges=graphs)
def test_a_cycle_is_found_exactly_if_some_node_reaches_itself(edges: list[tuple[int, int]]) -> None:
    path = find_cycle(edges, range(8))
    assert (path is not None) == any(node in reachable(edges, node) for node in range(8))
    if path is not None:
        assert path[0] == path[-1] and len(set(path)) == len(path) - 1
        assert all(step in edges for step in pairwise(path))


@given(edges=graphs, roots=st.sets(nodes, max_size=3))
def test_the_closure_is_the_roots_and_all_they_reach(edges: list[tuple[int, int]], roots: set[int]) -> None:
    assert closure(edges, roots) == roots.union(*(reachable(edges, root) for root in roots))
    backwards = [(end, begin) for begin, end in edges]
    assert closure(edges, roots, "upstream") == closure(backwards, roots)


@given(edges=graphs)
def test_levels_put_every_node_right_after_the_last_it_waits_for(edges: list[tuple[int, int]]) -> None:
    if find_cycle(edges) is not None:
        with pytest.raises(CycleFound) as found:
            levels(edges, range(8))
        assert found.value.path[0] == found.value.path[-1]
        return
    order = levels(edges, range(8))
    level_of = {node: number for number, level in enumerate(order) for node in level}
    assert sorted(level_of) == list(range(8)) and sum(map(len, order)) == 8
    for node, number in level_of.items():
        assert number == max((level_of[begin] + 1 for begin, end in edges if end == node), default=0)


def test_a_cycle_is_named_as_a_path() -> None:
    assert find_cycle([("a", "b"), ("b", "c"), ("c", "b")], "abc") == ["b", "c", "b"]
    assert find_cycle([("a", "a")]) == ["a", "a"]
    assert str(CycleFound(["b", "c", "b"])) == "b -> c -> b"
    assert find_cycle([("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]) is None


def test_a_node_may_be_none() -> None:
    assert find_cycle([(None, 1), (1, None)]) == [None, 1, None]


def test_references_to_nowhere_are_listed_once_in_order() -> None:
    assert unknown([("a", "x"), ("y", "b"), ("x", "a")], ["a", "b"]) == ["x", "y"]
    assert unknown([("a", "b")], ["a", "b"]) == []


def test_a_chain_and_a_fan_of_20_000_nodes_are_quick_and_break_no_recursion() -> None:
    size = 20_000
    chain = list(pairwise(range(size)))
    fan = [(0, node) for node in range(1, size)]
    began = time.perf_counter()
    assert find_cycle(chain) is None
    assert find_cycle([*chain, (size - 1, 0)]) == [*range(size), 0]
    assert len(closure(chain, [0])) == size and len(levels(chain)) == size
    assert find_cycle(fan) is None and list(map(len, levels(fan))) == [1, size - 1]
    assert time.perf_counter() - began < 5
