"""Traffic weights that numbers of pods can make.

With `blue` old pods and `green` new ones behind one Service the new revision gets green / (blue + green) of the
traffic. Green never outnumbers blue during a shift, so weights end at one half.
"""

from __future__ import annotations

TOLERANCE_PERCENT = 1.0
"""How far a weight made by pods may be from the one that was asked for, in points."""


def weight_of(green: int, blue: int) -> float:
    """The share of the traffic, in percent, that `green` new pods get beside `blue` old ones (0 without any pod)."""
    pods = green + blue
    return 100 * green / pods if pods else 0.0


def nearest_green_pods(weight: int, blue: int) -> int:
    """The number of new pods, 1 to `blue`, whose weight is nearest to `weight` percent (the smaller of two alike).

    Raises:
        ValueError: if there is no old pod to shift traffic from.
    """
    if blue < 1:
        raise ValueError(f"blue must be at least 1 to share traffic with, but is {blue}")
    return min(range(1, blue + 1), key=lambda green: (abs(weight_of(green, blue) - weight), green))


def nearest_weight(weight: int, blue: int) -> int:
    """The whole percentage nearest to `weight` that pods beside `blue` old ones can make."""
    return _rounded_weight(nearest_green_pods(weight, blue), blue)


def green_pods_for(weight: int, blue: int) -> int | None:
    """The number of new pods that makes `weight` percent beside `blue` old ones within one point; None if none does."""
    green = nearest_green_pods(weight, blue)
    return green if abs(weight_of(green, blue) - weight) <= TOLERANCE_PERCENT else None


def _rounded_weight(green: int, blue: int) -> int:
    """The weight as a whole percentage; halves go up, as they do in the API server's rule."""
    return (200 * green + green + blue) // (2 * (green + blue))
