"""What is aimed at: normlab's rate of training over the other contenders'."""

USUAL = "training / usual"
BARE = "training / bare"
LIMIT = "training / limit"

# Over the usual way: where the network is the work, and where most of the usual way's time goes into decoding images.
LARGE = {"cpu": {"bn": 2.0, "other": 1.8}, "cuda": {"bn": 15.0, "other": 12.0}}
SMALL = {"cpu": 5.0, "cuda": 20.0}


def aims(model: str, norm: str, device_type: str) -> dict[str, float]:
    """The aimed-at ratios of a case; none for networks and devices without one."""
    kind = "cuda" if device_type == "cuda" else "cpu"
    if model in ("small_cnn", "mlp"):
        return {USUAL: SMALL[kind]}
    if model != "resnet20":
        return {}
    found = {USUAL: LARGE[kind].get(norm, LARGE[kind]["other"]), BARE: 0.95}
    return found if kind == "cuda" else {**found, LIMIT: 0.75}
