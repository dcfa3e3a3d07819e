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

from .positions import GAP, Box, Layering, Link, Node, Placement, measure


def place(boxes: Sequence[Box], links: Sequence[Link]) -> Placement:
    """The best of a fixed number of layouts."""
    if not boxes:
        return Placement([], [], [], [], 0, 0, 0, 0.0)
    chance = random.Random(13)
    root = math.sqrt(len(boxes))
    fewest = 1 if len(boxes) <= 2 else max(2, round(0.7 * root))
    most = min(len(boxes), max(fewest, round(1.3 * root) + 1))
    best: dict[int, Placement] = {}

    def search(number: int, attempts: int) -> None:
        for attempt in range(attempts):
            layer_of = _assign_layers(boxes, links, number, chance, shuffle=attempt > 0)
            layering = _with_lanes(boxes, links, layer_of)
            for _ in range(2):
                _order(layering, chance)
                placed = measure(boxes, links, layering, layer_of)
                if number not in best or placed.score < best[number].score:
                    best[number] = placed

    def improve(number: int, attempts: int) -> None:
        for _ in range(attempts):
            placed = _vary(boxes, links, best[number], chance)
            if placed is not None and placed.score < best[number].score:
                best[number] = placed

    def ranked() -> list[int]:
        return sorted(best, key=lambda number: best[number].score)

    # A short look at each number of layers, a long one at those that look best. A layout of 22
    # boxes takes about 2 ms; the number of tries keeps larger pictures from taking seconds.
    tries = max(4, min(40, 2000 // (len(boxes) + len(links))))
    for number in range(fewest, most + 1):
        search(number, max(1, tries // 6))
    for number in ranked()[:2]:
        search(number, tries // 2)
        improve(number, 3 * tries)
    improve(ranked()[0], 4 * tries)
    return best[ranked()[0]]


def _vary(
    boxes: Sequence[Box], links: Sequence[Link], found: Placement, chance: random.Random
) -> Placement | None:
    """The layout with one node in another place of its layer, or one box in another layer."""
    layer_of = list(found.layer_of)
    number = max(layer_of) + 1
    box = chance.randrange(len(boxes))
    if chance.random() < 0.4 and number > 1:
        layer_of[box] = max(0, min(number - 1, layer_of[box] + chance.choice((-1, 1))))
        if len(set(layer_of)) < number or layer_of == found.layer_of:
            return None
    layering = _with_lanes(boxes, links, layer_of)
    for layer, order in zip(layering.layers, found.orders, strict=True):
        place_of = {node: float(place_) for place_, node in enumerate(order)}
        # What is new in this layer stands anywhere in it.
        places = {node: place_of.get(node, chance.uniform(-1, len(order))) for node in layer}
        layer[:] = [node for _, node in sorted((places[node], node) for node in layer)]
    if layer_of == found.layer_of:
        layer = chance.choice(layering.layers)
        node = layer.pop(chance.randrange(len(layer)))
        layer.insert(chance.randrange(len(layer) + 1), node)
    return measure(boxes, links, layering, layer_of)


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


def _with_lanes(boxes: Sequence[Box], links: Sequence[Link], layer_of: list[int]) -> Layering:
    """The layers with a lane for each net that passes, and the ends in each channel.

    Channel k lies to the left of layer k; the last one to the right of the last layer.
    """
    number = max(layer_of) + 1
    layers: list[list[Node]] = [[] for _ in range(number)]
    for box, layer in enumerate(layer_of):
        layers[layer].append(("box", box))
    ends: dict[tuple[int, int], set[tuple[int, Node, int]]] = defaultdict(set)
    for link in links:
        source, target = layer_of[link.source], layer_of[link.target]
        head: tuple[Node, int] = (("box", link.target), link.target_y)
        tail: tuple[Node, int] = (("box", link.source), link.source_y)
        if source == target:
            channel = source + 1 if source + 1 < number or number == 1 else source
            side = 0 if channel == source + 1 else 1
            ends[channel, link.net] |= {(side, *head), (side, *tail)}
            continue
        step = 1 if source > target else -1
        lane: Node = ("lane", link.net)
        for layer in range(target, source, step):
            channel = layer + 1 if step == 1 else layer
            near = head if layer == target else (lane, 0)
            far = tail if layer + step == source else (lane, 0)
            sides = (0, 1) if step == 1 else (1, 0)
            ends[channel, link.net] |= {(sides[0], *near), (sides[1], *far)}
            if layer != target and lane not in layers[layer]:
                layers[layer].append(lane)
    layering = Layering(layers)
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


def _order(layering: Layering, chance: random.Random) -> None:
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
            for node in layers[index]:
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


def _swap_neighbours(layering: Layering, index: int) -> bool:
    """Swaps adjacent nodes of a layer where that removes crossings."""
    layer, changed = layering.layers[index], False
    places: dict[tuple[int, Node], float] = {}
    for side in (0, 1):
        neighbour = index - 1 + 2 * side
        if 0 <= neighbour < len(layering.layers):
            for place_, node in enumerate(layering.layers[neighbour]):
                places[side, node] = float(place_)

    def crossings(above: Node, below: Node) -> int:
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
