"""Positions, ways and a score for layers whose order is decided: the geometry of a layout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from .channels import Channel, End

GAP = 30  # px between two boxes of a layer
LANE = 16  # px between a box and an edge that passes it
MARGIN = 36  # px at both sides of a channel, room for the marks at the ends of an edge
ASPECT = 1.45  # wanted width : height


@dataclass(frozen=True)
class Box:
    """A box to place: its size in px."""

    width: int
    height: int


@dataclass(frozen=True)
class Link:
    """An edge between two boxes by number, with the height of its ends inside the boxes in px.

    Links with the same `net` end at the same port and share their way.
    """

    source: int
    source_y: int
    target: int
    target_y: int
    net: int


# A node of a layer: ("box", number) or ("lane", net) for a net that passes by.
Node = tuple[str, int]


@dataclass
class Placement:
    """A finished layout: corner and width of each box, the way of each link, the whole size."""

    x: list[int]
    y: list[int]
    widths: list[int]
    routes: list[list[tuple[int, int]]]
    width: int
    height: int
    crossings: int
    score: float
    layer_of: list[int] = field(default_factory=list)
    orders: list[list[Node]] = field(default_factory=list)


@dataclass
class Layering:
    """Nodes by layer in order, and what is connected through each channel."""

    layers: list[list[Node]]
    # (channel, net) → ends as (side, node, y inside the node)
    ends: dict[tuple[int, int], list[tuple[int, Node, int]]] = field(default_factory=dict)
    # node → connections to the layer at the left (0) and at the right (1): (node, own y, its y)
    near: dict[tuple[int, Node, int], list[tuple[Node, int, int]]] = field(default_factory=dict)


def measure(
    boxes: Sequence[Box], links: Sequence[Link], layering: Layering, layer_of: list[int]
) -> Placement:
    """Positions, ways and score of an ordered layering."""
    layers = layering.layers
    tops = _vertical(boxes, layering)
    channels = [Channel() for _ in range(len(layers) + 1)]
    for (channel, net), ends in layering.ends.items():
        for side, node, inner in ends:
            layer = channel - 1 if side == 0 else channel
            channels[channel].add(net, End(side, tops[layer, node] + inner))
    crossings = overlaps = 0
    for each in channels:
        found = each.arrange()
        crossings, overlaps = crossings + found[0], overlaps + found[1]
    x, widths = [0] * len(boxes), [0] * len(boxes)
    starts: list[tuple[int, int]] = []
    position = 0
    for index, layer_nodes in enumerate(layers):
        # The outer channels exist only where an edge runs in them.
        if index or channels[0].nets:
            space = channels[index].width(MARGIN)
            channels[index].left = position
            position += space
        width = max((boxes[n].width for kind, n in layer_nodes if kind == "box"), default=0)
        starts.append((position, position + width))
        for kind, number in layer_nodes:
            if kind == "box":
                x[number], widths[number] = position, width
        position += width
    channels[-1].left = position
    if channels[-1].nets:
        position += channels[-1].width(MARGIN)
    y = [tops[layer_of[box], ("box", box)] for box in range(len(boxes))]
    height = max(top + box.height for top, box in zip(y, boxes, strict=True))
    routes = [_route(link, layer_of, tops, starts, channels) for link in links]
    length = sum(
        abs(a[0] - b[0]) + abs(a[1] - b[1]) for route in routes for a, b in pairwise(route)
    )
    bends = sum(max(0, len(route) - 2) for route in routes)
    aspect = abs(math.log(position / max(1, height) / ASPECT))
    area = position * height / max(1, sum(box.width * box.height for box in boxes))
    score = (
        70 * crossings + 5000 * overlaps + length / 12 + 6 * bends
        + 500 * max(0.0, aspect - 0.25) + 180 * area
    )  # fmt: skip
    orders = [list(layer) for layer in layers]
    return Placement(
        x, y, widths, routes, position, height, crossings, score, list(layer_of), orders
    )


def _vertical(boxes: Sequence[Box], layering: Layering) -> dict[tuple[int, Node], int]:
    """The top of each node: as near to its neighbours' ports as order and gaps allow."""
    layers = layering.layers
    top: dict[tuple[int, Node], float] = {}
    for index, layer in enumerate(layers):
        position = 0.0
        for node in layer:
            top[index, node] = position
            position += (boxes[node[1]].height if node[0] == "box" else 0) + GAP
    for turn in range(9):
        sides = ((0,), (1,), (0, 1))[turn % 3 if turn < 6 else 2]
        sweep = range(len(layers)) if turn % 3 != 1 else range(len(layers) - 1, -1, -1)
        for index in sweep:
            layer = layers[index]
            wanted, weights, offsets = [], [], []
            offset = 0.0
            for place_, node in enumerate(layer):
                if place_:
                    last = layer[place_ - 1]
                    height = boxes[last[1]].height if last[0] == "box" else 0
                    offset += height + (GAP if node[0] == last[0] == "box" else LANE)
                total, weight = 0.0, 0.000_001
                for side in sides:
                    for other, own_y, other_y in layering.near.get((index, node, side), ()):
                        pull = {0: 1.0, 1: 3.0, 2: 8.0}[(node[0] == "lane") + (other[0] == "lane")]
                        total += pull * (top[index - 1 + 2 * side, other] + other_y - own_y)
                        weight += pull
                wanted.append(total / weight - offset)
                weights.append(weight)
                offsets.append(offset)
            for node, value, offset in zip(layer, _isotonic(wanted, weights), offsets, strict=True):
                top[index, node] = value + offset
    lowest = min(top.values())
    tops = {key: round(value - lowest) for key, value in top.items()}
    for _ in range(4):
        for index in range(len(layers)):
            _straighten(boxes, layering, index, tops)
    lowest = min(tops.values())
    return {key: value - lowest for key, value in tops.items()}


def _straighten(
    boxes: Sequence[Box], layering: Layering, index: int, tops: dict[tuple[int, Node], int]
) -> None:
    """Moves the nodes of a layer to where most of their connections run straight, if they may."""
    layer = layering.layers[index]

    def space(above: Node, below: Node) -> int:
        return GAP if above[0] == below[0] == "box" else LANE

    for place_, node in enumerate(layer):
        near = [
            (tops[index - 1 + 2 * side, other] + other_y - own_y, 3 if other[0] == "lane" else 1)
            for side in (0, 1)
            for other, own_y, other_y in layering.near.get((index, node, side), ())
        ]
        if not near:
            continue
        least, most = -(10**9), 10**9
        if place_:
            above = layer[place_ - 1]
            height = boxes[above[1]].height if above[0] == "box" else 0
            least = tops[index, above] + height + space(above, node)
        if place_ + 1 < len(layer):
            below = layer[place_ + 1]
            height = boxes[node[1]].height if node[0] == "box" else 0
            most = tops[index, below] - space(node, below) - height
        here = tops[index, node]
        wanted = [here, *(y for y, _ in near if least <= y <= most and abs(y - here) <= 60)]

        def cost(y: int, near: list[tuple[int, int]] = near) -> tuple[int, int]:
            bends = sum(weight for other, weight in near if other != y)
            return 24 * bends + sum(weight * abs(other - y) for other, weight in near), y

        tops[index, node] = min(wanted, key=cost)


def _isotonic(wanted: list[float], weights: list[float]) -> list[float]:
    """The non-decreasing numbers nearest to the wanted ones (weighted least squares)."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(wanted, weights, strict=True):
        number = 1
        while pools and pools[-1][0] > value:
            last_value, last_weight, last_number = pools.pop()
            value = (value * weight + last_value * last_weight) / (weight + last_weight)
            weight, number = weight + last_weight, number + last_number
        pools.append((value, weight, number))
    return [value for value, _, number in pools for _ in range(number)]


def _route(
    link: Link,
    layer_of: list[int],
    tops: dict[tuple[int, Node], int],
    starts: list[tuple[int, int]],
    channels: list[Channel],
) -> list[tuple[int, int]]:
    """The way of a link from its source to its target, as corners."""
    source, target = layer_of[link.source], layer_of[link.target]
    y = tops[source, ("box", link.source)] + link.source_y
    end_y = tops[target, ("box", link.target)] + link.target_y
    if source == target:
        right = source + 1 < len(starts) or len(starts) == 1
        channel = channels[source + 1 if right else source]
        edge = starts[source][1 if right else 0]
        track = channel.x_of(link.net, MARGIN)
        return [(edge, y), (track, y), (track, end_y), (edge, end_y)]
    step = -1 if source > target else 1
    points = [(starts[source][0 if step == -1 else 1], y)]
    for layer in range(source + step, target + step, step):
        channel = channels[layer + 1 if step == -1 else layer]
        next_y = end_y if layer == target else tops[layer, ("lane", link.net)]
        if next_y != y:
            track = channel.x_of(link.net, MARGIN)
            points += [(track, y), (track, next_y)]
        y = next_y
    points.append((starts[target][1 if step == -1 else 0], end_y))
    return points
