"""Names of Pyro sites where several mixtures stand side by side: ``z_0``, ``c_1``, …"""

from __future__ import annotations


def site_name(name: str, facet: int | None) -> str:
    """The full name of a site of a facet.

    Example:
        >>> site_name("z", 1), site_name("z", None)
        ('z_1', 'z')
    """
    return name if facet is None else f"{name}_{facet}"


def facet_of(site: str) -> int | None:
    """The facet that a site's name ends with.

    Example:
        >>> facet_of("z_1"), facet_of("z")
        (1, None)
    """
    number = site.rpartition("_")[2]
    return int(number) if number != site and number.isdigit() else None
