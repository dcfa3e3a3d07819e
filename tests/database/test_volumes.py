"""Planned volumes: stated, assumed, capped."""

from __future__ import annotations

from a13.database.volumes import plan_volumes
from a13.domain.design import Column, Design, ForeignKey, Relation, Tenancy, Unique, Volume
from a13.domain.plan import Budget, RelationVolume


def relation(
    name: str, *parents: str, rows: int | None = None, one_to_one: bool = False, **more: object
) -> Relation:
    columns = [Column(name="id", type="bigint", identity=True)]
    columns += [Column(name=f"{parent}_id", type="bigint") for parent in parents]
    columns.append(Column(name="created_at", type="timestamp with time zone"))
    fields: dict[str, object] = {
        "columns": tuple(columns),
        "uniques": (Unique(columns=(f"{parents[0]}_id",)),) if one_to_one else (),
        **more,
    }
    return Relation(
        name=name,
        primary_key=("id",),
        foreign_keys=tuple(ForeignKey(columns=(f"{p}_id",), references=p) for p in parents),
        volume=None if rows is None else Volume(rows=rows, assumed=False, text=f"{rows} rows"),
        **fields,  # type: ignore[arg-type]
    )


def lookup(name: str, *values: str) -> Relation:
    return Relation(
        name=name,
        columns=(
            Column(name="id", type="bigint", identity=True),
            Column(name="name", type="text", values=values),
        ),
        primary_key=("id",),
        uniques=(Unique(columns=("name",)),),
    )


def plan(
    *relations: Relation, budget: Budget | None = None, **more: object
) -> dict[str, RelationVolume]:
    design = Design(name="d", relations=relations, **more)  # type: ignore[arg-type]
    return {v.relation: v for v in plan_volumes(design, budget or Budget())}


def rows(volumes: dict[str, RelationVolume]) -> dict[str, int]:
    return {name: volume.rows for name, volume in volumes.items()}


def test_defaults_follow_the_relations() -> None:
    volumes = plan(
        relation("lines", "orders", "products"),
        relation("orders", "customers", "currencies"),
        relation("customers"),
        relation("products", "currencies"),
        relation("profiles", "customers", one_to_one=True),
        lookup("currencies"),
        lookup("plans", "free", "pro"),
    )
    assert rows(volumes) == {
        "lines": 90_000, "orders": 30_000, "customers": 10_000, "products": 10_000,
        "profiles": 10_000, "currencies": 50, "plans": 2,
    }  # fmt: skip
    assert all(v.assumed and not v.capped and v.reason.startswith("assumed")
               for v in volumes.values())  # fmt: skip
    assert volumes["orders"].reason == "assumed: 3 rows for each row of customers"


def test_assumptions_stop_growing() -> None:
    volumes = plan(
        relation("a"), relation("b", "a"), relation("c", "b"), relation("d", "c"),
        relation("e", "d"), relation("f", "big"), relation("big", rows=700_000),
    )  # fmt: skip
    assert rows(volumes) == {
        "a": 10_000, "b": 30_000, "c": 90_000, "d": 100_000, "e": 100_000, "f": 700_000,
        "big": 700_000,
    }  # fmt: skip


def test_tenants_and_their_children() -> None:
    volumes = plan(
        relation("tenants"), relation("users", "tenants"), tenancy=Tenancy(relation="tenants")
    )
    assert rows(volumes) == {"tenants": 100, "users": 10_000}


def test_cycles_and_self_references_end() -> None:
    volumes = plan(relation("a", "b"), relation("b", "a"), relation("c", "c"))
    assert rows(volumes)["c"] == 10_000
    assert {rows(volumes)["a"], rows(volumes)["b"]} == {10_000, 30_000}


def test_an_assumed_parent_has_room_for_stated_one_to_one_children() -> None:
    volumes = plan(relation("users"), relation("badges", "users", rows=40_000, one_to_one=True))
    assert rows(volumes) == {"users": 40_000, "badges": 40_000}
    assert "one-to-one" in volumes["users"].reason


def test_a_stated_volume_is_capped_and_says_so() -> None:
    volumes = plan(relation("orders", rows=10**15), relation("lines", "orders"))
    orders = volumes["orders"]
    assert orders.rows == 1_000_000 and orders.stated_rows == 10**15
    assert orders.capped and not orders.assumed
    assert "cut from 1,000,000,000,000,000 to 1,000,000" in orders.reason
    assert not volumes["lines"].capped, "nobody stated it"
    assert sum(rows(volumes).values()) <= Budget().rows_total


def test_assumed_volumes_give_way_first_and_the_large_ones_most() -> None:
    budget = Budget(rows_per_relation=1_000_000, rows_total=1_000_000)
    volumes = plan(
        relation("orders", rows=800_000), relation("lines", "orders"), relation("customers"),
        budget=budget,
    )  # fmt: skip
    assert rows(volumes)["orders"] == 800_000 and not volumes["orders"].capped
    assert rows(volumes)["customers"] == 10_000
    assert rows(volumes)["lines"] == 190_000
    assert "cut from 800,000" in volumes["lines"].reason


def test_stated_volumes_shrink_in_proportion() -> None:
    budget = Budget(rows_per_relation=10**9, rows_total=300_000)
    volumes = plan(
        relation("a", rows=400_000), relation("b", rows=200_000), relation("c", rows=10),
        budget=budget,
    )  # fmt: skip
    assert rows(volumes)["c"] == 10 and not volumes["c"].capped
    assert volumes["a"].capped and volumes["b"].capped
    assert 1.9 < rows(volumes)["a"] / rows(volumes)["b"] < 2.1
    assert sum(rows(volumes).values()) <= 300_000


def test_zero_and_tiny_budgets() -> None:
    assert rows(plan(relation("a", rows=0)))["a"] == 0
    assert sum(rows(plan(relation("a"), relation("b"), budget=Budget(rows_total=3))).values()) <= 3
    assert plan() == {}
