"""Random GPU pools: of every instance type, with everything that a pool can ask for, sensible or not."""

from hypothesis import strategies as st

from plinth import catalogue

FAMILIES: dict[str, list[str]] = {}
for _instance in catalogue.instances().values():
    FAMILIES.setdefault(_instance.gpu, []).append(_instance.name)

PROFILES = sorted({profile.name for i in catalogue.instances().values() for profile in i.mig} | {"1g.1gb"})

SHARING = st.one_of(
    st.just({"kind": "none"}),
    st.sampled_from(PROFILES).map(lambda profile: {"kind": "mig", "profile": profile}),
    st.integers(2, 16).map(lambda replicas: {"kind": "time_slicing", "replicas": replicas}),
    st.just({"kind": "dra"}),
)


@st.composite
def pool_data(draw: st.DrawFn) -> dict[str, object]:
    """A pool as a user might write it."""
    types = FAMILIES[draw(st.sampled_from(sorted(FAMILIES)))]
    chosen = draw(st.lists(st.sampled_from(types), min_size=1, max_size=3, unique=True))
    pool: dict[str, object] = {
        "name": "pool",
        "instance_types": chosen,
        "plane": draw(st.sampled_from(["karpenter", "karpenter", "auto"])),
        "max_gpus": draw(st.integers(1, 64)),
        "capacity": draw(st.lists(st.sampled_from(["reserved", "spot", "on_demand"]), min_size=1, max_size=3)),
        "image": draw(st.sampled_from(["bottlerocket", "al2023"])),
        "sharing": draw(SHARING),
        "efa": draw(st.booleans()),
        "parallel_pull": draw(st.booleans()),
        "zones": draw(st.lists(st.sampled_from("abc"), max_size=3, unique=True)),
    }
    if draw(st.booleans()):
        pool["fixed_nodes"] = draw(st.integers(1, 8))
    if "reserved" in pool["capacity"] or draw(st.integers(0, 9)) == 0:  # type: ignore[operator]  # a list of strings
        pool |= draw(
            st.sampled_from(
                [
                    {"reservation_ids": ["cr-0a1b2c3d4e5f60718"]},
                    {"reservation_tags": {"team": "ml"}},
                    {"new_reservation": {"instance_type": chosen[0], "instances": 1, "zones": ["a"]}},
                    {"capacity_block": {"offering_id": "cbr-0a1b2c3d4e", "i_understand_this_is_a_purchase": True}},
                ]
            )
        )
    return pool


@st.composite
def sensible_pool(draw: st.DrawFn) -> dict[str, object]:
    """A pool that uses one feature, the way it is meant to be used."""
    instance = draw(st.sampled_from(sorted(catalogue.instances().values(), key=lambda each: each.name)))
    pool: dict[str, object] = {
        "name": "pool",
        "instance_types": [instance.name],
        "max_gpus": instance.gpus * draw(st.integers(2, 4)),
        "parallel_pull": draw(st.booleans()),
    }
    choices: list[dict[str, object]] = [
        {},
        {"plane": "auto", "capacity": ["spot", "on_demand"]},
        {"fixed_nodes": 2},
        {"capacity": ["reserved", "spot"], "reservation_tags": {"team": "ml"}},
        {
            "capacity": ["reserved"],
            "new_reservation": {"instance_type": instance.name, "instances": 1, "zones": ["a", "b"]},
        },
        {
            "capacity": ["reserved"],
            "zones": ["c"],
            "capacity_block": {"offering_id": "cbr-0a1b2c3d4e", "i_understand_this_is_a_purchase": True},
        },
    ]
    image = draw(st.sampled_from(["bottlerocket", "al2023"]))
    if instance.maker == "nvidia":
        choices += [
            {"sharing": {"kind": "time_slicing", "replicas": 4}, "image": image},
            {"sharing": {"kind": "dra"}, "image": "al2023", "fixed_nodes": 1},
        ]
    if instance.efa and instance.network_cards is not None:
        choices.append({"efa": True, "image": image})
    choices += [{"sharing": {"kind": "mig", "profile": profile.name}} for profile in instance.mig]
    return {**pool, **draw(st.sampled_from(choices))}
