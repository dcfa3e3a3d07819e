"""A channel between two layers of a diagram: which edge runs on which vertical track."""

from __future__ import annotations

from dataclasses import dataclass, field

TRACK = 14  # px between two tracks
NEAR = 5  # px: two lines nearer than this look like one


@dataclass(frozen=True)
class End:
    """Where a net meets the channel: at the left (0) or the right (1), at height `y`."""

    side: int
    y: int


@dataclass
class Channel:
    """Nets with their ends; `arrange` gives each net that bends a track."""

    left: int = 0
    nets: dict[int, set[End]] = field(default_factory=dict)
    tracks: dict[int, int] = field(default_factory=dict)

    def add(self, net: int, end: End) -> None:
        """One more end of a net."""
        self.nets.setdefault(net, set()).add(end)

    def arrange(self) -> tuple[int, int]:
        """Orders the tracks; returns how many crossings and how many overlaps are left."""
        straight = [net for net, ends in self.nets.items() if len({end.y for end in ends}) == 1]
        bent = [net for net in self.nets if net not in straight]
        bent.sort(key=lambda net: (sum(end.y for end in self.nets[net]) / len(self.nets[net]), net))
        cost = {(a, b): self._cost(a, b) for a in bent for b in bent if a != b}
        order = _best_order(bent, cost)
        self.tracks = {}
        for position, net in enumerate(order):
            before = [other for other in order[:position] if self._interact(other, net)]
            self.tracks[net] = max((self.tracks[other] + 1 for other in before), default=0)
        found = [cost[a, b] for i, a in enumerate(order) for b in order[i + 1 :]]
        # A straight line crosses each vertical that spans it, whatever the order.
        passed = sum(self._spans(a, self._y(b)) for a in bent for b in straight)
        crossings = sum(pair[0] for pair in found) + passed
        return crossings, sum(pair[1] for pair in found) + self._touching(straight, bent)

    def width(self, margin: int) -> int:
        """The width that the tracks need, in px."""
        return 2 * margin + TRACK * max(self.tracks.values(), default=0)

    def x_of(self, net: int, margin: int) -> int:
        """The x of a net's track; the middle of the channel for a net that runs straight."""
        return self.left + margin + TRACK * self.tracks.get(net, 0)

    def _y(self, net: int) -> int:
        return next(iter(self.nets[net])).y

    def _spans(self, net: int, y: int) -> bool:
        heights = [end.y for end in self.nets[net]]
        return min(heights) < y < max(heights)

    def _interact(self, a: int, b: int) -> bool:
        """True where the two may not share a track, or their order matters."""
        ya, yb = ([end.y for end in self.nets[net]] for net in (a, b))
        return min(ya) <= max(yb) + 2 * NEAR and min(yb) <= max(ya) + 2 * NEAR

    def _cost(self, a: int, b: int) -> tuple[int, int]:
        """Crossings and overlaps where the track of `a` lies left of the track of `b`."""
        a_right = [end.y for end in self.nets[a] if end.side == 1]
        b_left = [end.y for end in self.nets[b] if end.side == 0]
        crossings = sum(self._spans(a, y) for y in b_left) + sum(self._spans(b, y) for y in a_right)
        overlaps = sum(abs(y - z) < NEAR for y in a_right for z in b_left)
        return crossings, overlaps

    def _touching(self, straight: list[int], bent: list[int]) -> int:
        """How many straight lines lie on top of another net's horizontal piece."""
        lines = [(net, self._y(net)) for net in straight]
        found = sum(
            abs(y - end.y) < NEAR for _, y in lines for net in bent for end in self.nets[net]
        )
        return found + sum(
            abs(y - z) < NEAR for i, (_, y) in enumerate(lines) for _, z in lines[i + 1 :]
        )


def _best_order(nets: list[int], cost: dict[tuple[int, int], tuple[int, int]]) -> list[int]:
    """An order from left to right of low cost: insertion until nothing gets better."""

    def weight(a: int, b: int) -> int:
        crossings, overlaps = cost[a, b]
        return crossings + 50 * overlaps

    order = list(nets)
    for _ in range(8):
        moved = False
        for net in nets:
            rest = [other for other in order if other != net]
            totals = [sum(weight(net, other) for other in rest)]
            for other in rest:
                totals.append(totals[-1] - weight(net, other) + weight(other, net))
            here = order.index(net)
            best = min(range(len(totals)), key=lambda i: (totals[i], abs(i - here)))
            if totals[best] < totals[here]:
                order = [*rest[:best], net, *rest[best:]]
                moved = True
        if not moved:
            break
    return order
