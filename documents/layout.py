"""A layered layout with orthogonal edges: where the boxes of a diagram stand and how edges run.

Boxes stand in columns ("layers"); edges run in the channels between them and pass a layer only
through gaps that are kept free for them, so an edge never crosses a box. Edges to the same port
share their way (a "net"). Nothing here knows about tables.

Sources: Sugiyama, Tagawa, Toda, "Methods for visual understanding of hierarchical system
structures" (1981), for layers, dummies and barycenters; Best, Chakravarti, "Active set algorithms
for isotonic regression" (1990), for the vertical positions. Deterministic.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
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


# A node of a layer: ("box", number) or ("lane", net) for a net that passes by.
_Node = tuple[str, int]


@dataclass
class _Layering:
    """Nodes by layer in order, and what is connected through each channel."""

    layers: list[list[_Node]]
    # (channel, net) → ends as (side, node, y inside the node)
    ends: dict[tuple[int, int], list[tuple[int, _Node, int]]] = field(default_factory=dict)
    # node → connections to the layer at the left (0) and at the right (1): (node, own y, its y)
    near: dict[tuple[int, _Node, int], list[tuple[_Node, int, int]]] = field(default_factory=dict)


def place(boxes: Sequence[Box], links: Sequence[Link]) -> Placement:
    """The best of a fixed number of layouts."""
    if not boxes:
        return Placement([], [], [], [], 0, 0, 0, 0.0)
    chance = random.Random(13)
    fewest = 1 if len(boxes) <= 2 else 2
    most = min(len(boxes), max(fewest, round(math.sqrt(len(boxes)) * 1.3) + 1))
    best: dict[int, Placement] = {}

    def search(number: int, attempts: int) -> None:
        for attempt in range(attempts):
            layer_of = _assign_layers(boxes, links, number, chance, shuffle=attempt > 0)
            layering = _with_lanes(boxes, links, layer_of)
            for _ in range(2):
                _order(layering, chance)
                placed = _measure(boxes, links, layering, layer_of)
                if number not in best or placed.score < best[number].score:
                    best[number] = placed

    # A short look at each number of layers, a long one at the two that look best. One layout of
    # 22 boxes takes about 2 ms; the number of tries keeps larger pictures from taking seconds.
    tries = max(2, min(60, 3000 // (len(boxes) + len(links))))
    for number in range(fewest, most + 1):
        search(number, max(2, tries // 10))
    for number in sorted(best, key=lambda number: best[number].score)[:2]:
        search(number, tries)
    return min(best.values(), key=lambda placed: placed.score)


def _assign_layers(
    boxes: Sequence[Box],
    links: Sequence[Link],
    number: int,
    chance: random.Random,
    *,
    shuffle: bool,
) -> list[int]:
    """A layer for each box: neighbours in neighbouring layers, layers of equal height."""
    around: list[list[tuple[int, bool]]] = [[] for _ in boxes]
    for link in links:
        if link.source != link.target:
            around[link.source].append((link.target, True))
            around[link.target].append((link.source, False))
    heights = [0.0] * number
    average = sum(box.height + GAP for box in boxes) / number
    # Boxes without links fill up the layers that are short in the end.

    def pull(box: int, layer: int) -> float:
        cost = 0.0
        for other, is_source in around[box]:
            span = layer - layer_of[other] if is_source else layer_of[other] - layer
            cost += 2.6 if span == 0 else 2.2 * (abs(span) - 1) + (0.25 if span < 0 else 0.0)
        return cost

    def weight(layer: int, extra: float) -> float:
        return 5.0 * ((heights[layer] + extra) / average - 1) ** 2

    linked = [box for box in range(len(boxes)) if around[box]]
    order = sorted(linked, key=lambda box: (-len(around[box]), box))
    if shuffle:
        chance.shuffle(order)
    layer_of = [number // 2] * len(boxes)
    for box in order:
        heights[layer_of[box]] += boxes[box].height + GAP
    for _ in range(30):
        moved = False
        for box in order:
            size, here = boxes[box].height + GAP, layer_of[box]
            costs = []
            for layer in range(number):
                change = 0.0
                if layer != here:
                    change = weight(layer, size) - weight(layer, 0)
                    change += weight(here, -size) - weight(here, 0)
                costs.append((pull(box, layer) - pull(box, here) + change, layer))
            gain, layer = min(costs)
            if gain < -1e-9:
                heights[here] -= size
                heights[layer] += size
                layer_of[box] = layer
                moved = True
        if not moved:
            break
    for box in sorted(set(range(len(boxes))) - set(linked), key=lambda b: (-boxes[b].height, b)):
        layer_of[box] = heights.index(min(heights))
        heights[layer_of[box]] += boxes[box].height + GAP
    # Layers that ended up empty are no layers.
    used = {layer: position for position, layer in enumerate(sorted(set(layer_of)))}
    return [used[layer] for layer in layer_of]


def _with_lanes(
    boxes: Sequence[Box], links: Sequence[Link], layer_of: list[int]
) -> _Layering:
    """The layers with a lane for each net that passes, and the ends in each channel.

    Channel k lies to the left of layer k; the last one to the right of the last layer.
    """
    number = max(layer_of) + 1
    layers: list[list[_Node]] = [[] for _ in range(number)]
    for box, layer in enumerate(layer_of):
        layers[layer].append(("box", box))
    ends: dict[tuple[int, int], set[tuple[int, _Node, int]]] = defaultdict(set)
    for link in links:
        source, target = layer_of[link.source], layer_of[link.target]
        head: tuple[_Node, int] = (("box", link.target), link.target_y)
        tail: tuple[_Node, int] = (("box", link.source), link.source_y)
        if source == target:
            channel = source + 1 if source + 1 < number or number == 1 else source
            side = 0 if channel == source + 1 else 1
            ends[channel, link.net] |= {(side, *head), (side, *tail)}
            continue
        step = 1 if source > target else -1
        lane: _Node = ("lane", link.net)
        for layer in range(target, source, step):
            channel = layer + 1 if step == 1 else layer
            near = head if layer == target else (lane, 0)
            far = tail if layer + step == source else (lane, 0)
            sides = (0, 1) if step == 1 else (1, 0)
            ends[channel, link.net] |= {(sides[0], *near), (sides[1], *far)}
            if layer != target and lane not in layers[layer]:
                layers[layer].append(lane)
    layering = _Layering(layers)
    layering.ends = {key: sorted(found) for key, found in sorted(ends.items())}
    for (channel, _), found in layering.ends.items():
        for side, node, y in found:
            for other_side, other, other_y in found:
                if side != other_side:
                    # A node at side 0 of the channel has it at its right.
                    layer = channel - 1 if side == 0 else channel
                    key = (layer, node, 1 - side)
                    layering.near.setdefault(key, []).append((other, y, other_y))
    return layering


def _order(layering: _Layering, chance: random.Random) -> None:
    """Orders the nodes of each layer so that few connections cross."""
    layers = layering.layers
    for layer in layers:
        chance.shuffle(layer)
    for turn in range(10):
        sweep = range(len(layers)) if turn % 2 == 0 else range(len(layers) - 1, -1, -1)
        for index in sweep:
            places = {}
            for neighbour in (index - 1, index + 1):
                if 0 <= neighbour < len(layers):
                    size = len(layers[neighbour])
                    for place_, node in enumerate(layers[neighbour]):
                        places[neighbour, node] = (place_ + 0.5) / size
            middle = {}
            for place_, node in enumerate(layers[index]):
                found = [
                    places[index - 1 + 2 * side, other] + 0.0005 * other_y - 0.0005 * own_y
                    for side in (0, 1)
                    for other, own_y, other_y in layering.near.get((index, node, side), ())
                ]
                # What is linked to nothing stands below the others.
                middle[node] = sum(found) / len(found) if found else 2.0
            layers[index].sort(key=lambda node: (middle[node], node))
    for _ in range(4):
        if not any(_swap_neighbours(layering, index) for index in range(len(layers))):
            break


def _swap_neighbours(layering: _Layering, index: int) -> bool:
    """Swaps adjacent nodes of a layer where that removes crossings."""
    layer, changed = layering.layers[index], False
    places: dict[tuple[int, _Node], float] = {}
    for side in (0, 1):
        neighbour = index - 1 + 2 * side
        if 0 <= neighbour < len(layering.layers):
            for place_, node in enumerate(layering.layers[neighbour]):
                places[side, node] = float(place_)

    def crossings(above: _Node, below: _Node) -> int:
        found = 0
        for side in (0, 1):
            ups = layering.near.get((index, above, side), ())
            downs = layering.near.get((index, below, side), ())
            for other, _, y in ups:
                for last, _, last_y in downs:
                    first_place = places[side, other] + y / 10_000
                    found += first_place > places[side, last] + last_y / 10_000
        return found

    for place_ in range(len(layer) - 1):
        above, below = layer[place_], layer[place_ + 1]
        if crossings(below, above) < crossings(above, below):
            layer[place_], layer[place_ + 1] = below, above
            changed = True
    return changed


def _measure(
    boxes: Sequence[Box], links: Sequence[Link], layering: _Layering, layer_of: list[int]
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
        + 500 * max(0.0, aspect - 0.25) + 90 * area
    )  # fmt: skip
    return Placement(x, y, widths, routes, position, height, crossings, score)


def _vertical(boxes: Sequence[Box], layering: _Layering) -> dict[tuple[int, _Node], int]:
    """The top of each node: as near to its neighbours' ports as order and gaps allow."""
    layers = layering.layers
    top: dict[tuple[int, _Node], float] = {}
    for index, layer in enumerate(layers):
        position = 0.0
        for node in layer:
            top[index, node] = position
            position += (boxes[node[1]].height if node[0] == "box" else 0) + GAP
    for turn in range(12):
        sides = ((0,), (1,), (0, 1))[turn % 3 if turn < 9 else 2]
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
    boxes: Sequence[Box], layering: _Layering, index: int, tops: dict[tuple[int, _Node], int]
) -> None:
    """Moves the nodes of a layer to where most of their connections run straight, if they may."""
    layer = layering.layers[index]

    def space(above: _Node, below: _Node) -> int:
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
    tops: dict[tuple[int, _Node], int],
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
