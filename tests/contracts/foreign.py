"""Stories that are not the zoo's, and the log-probabilities of their sites in tables, by hand.

One pair of programs, in plain Pyro, with switches: where each of two discrete sites is enumerated,
whether one looks at the other, what z looks at, plates, masks and subsamples. A table has a
dimension for the data, c, d and nodes of z, ``(B, C, D, S)``; every density is written out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pyro
import torch
from pyro import distributions as dist
from pyro import poutine
from pyro.poutine.runtime import InferDict
from torch import Tensor

masked: Any = poutine.mask  # whose own hints know booleans and BoolTensor, but no Tensor
X = torch.tensor([-1.3, 0.2, 0.9, 1.7], dtype=torch.float64)
SENSORS = torch.tensor([0.4, -0.3, 1.1, 0.8, 0.1], dtype=torch.float64)
ROWS = torch.tensor([True, False, True, True])
ALL = torch.ones(4, dtype=torch.bool)
PRIOR, SCALE, NOISE = 1.2, 0.4, 0.5  # standard deviations of p(z | c), q(z | x, c) and p(x | z)
C, D = 3, 2


class Drawn(dist.Normal):
    """A Gaussian that draws the same standard deviation from its mean everywhere."""

    node: ClassVar[float] = 0.3

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.loc + self.scale * self.node


@contextmanager
def drawing(node: float) -> Iterator[None]:
    """A scope in which the guides draw z at this many standard deviations."""
    before, Drawn.node = Drawn.node, node
    try:
        yield
    finally:
        Drawn.node = before


def parameters() -> dict[str, Tensor]:
    """Leaves, float64, the same each time."""
    generator = torch.Generator().manual_seed(0)
    shapes: dict[str, tuple[int, ...]] = {
        "logits_c": (C,),
        "logits_d": (C, D),
        "tilt": (C,),
        "loc": (C, D),
        "slope": (),
        "q_c": (C,),
        "q_d": (C, D),
        "q_loc": (C, D),
        "q_slope": (),
    }
    draws = {
        name: 0.7 * torch.randn(shape, generator=generator, dtype=torch.float64)
        for name, shape in shapes.items()
    }
    return {name: draw.requires_grad_() for name, draw in draws.items()}


@dataclass(frozen=True)
class Story:
    """A story, its guide, and their tables.

    Attributes:
        name: of the story.
        c: where c is enumerated: ``"model"``, or in the guide, ``"parallel"`` or ``"sequential"``.
        d: the same of d; empty for none.
        chained: d looks at c, in the model and, where both are in it, in the guide.
        given: z looks at the sites of the guide: q(z | x, c).
        direct: x looks at c and d too, not at z alone.
        datumwise: p(c) looks at the datum.
        reversed: p(c | z), where z is drawn first.
        features: x has two, in a plate of their own.
        unrelated: other observations in a plate of their own.
        masked: ``"rows"``, every site of some; ``"x"``, their x.
        size: of the data of which these are a subsample.
    """

    name: str
    c: str = "model"
    d: str = ""
    chained: bool = False
    given: bool = False
    direct: bool = False
    datumwise: bool = False
    reversed: bool = False
    features: bool = False
    unrelated: bool = False
    masked: str = ""
    size: int | None = None
    theta: dict[str, Tensor] = field(default_factory=parameters)

    @property
    def guided(self) -> tuple[str, ...]:
        """The sites that are enumerated in the guide."""
        return tuple(site for site in "cd" if getattr(self, site) not in ("model", ""))

    @property
    def inner(self) -> tuple[int, ...]:
        """The dimensions of tables that belong to sites enumerated in the model."""
        sites = ("c", "d") if self.d else ("c",)
        return tuple("-cd".index(site) for site in sites if site not in self.guided)

    @property
    def plates(self) -> int:
        """How deep plates nest."""
        return 1 + self.features

    @contextmanager
    def data(self) -> Iterator[None]:
        """The plate of the data, some of whose rows may be masked."""
        plate = pyro.plate("data", self.size or len(X), subsample_size=len(X), dim=-1)
        with plate, masked(mask=ROWS if self.masked == "rows" else ALL):
            yield

    def model(self, x: Tensor) -> None:
        """The story."""
        t = self.theta
        c = d = torch.tensor(0)
        enumerated: InferDict = {"enumerate": "parallel"}
        if self.unrelated:
            with pyro.plate("sensors", len(SENSORS), dim=-1):
                pyro.sample("y", dist.Normal(t["slope"], 1.0), obs=SENSORS)
        with self.data():
            if not self.reversed:
                tilt = x.unsqueeze(-1) * t["tilt"] if self.datumwise else 0.0
                law = dist.Categorical(logits=t["logits_c"] + tilt)
                c = pyro.sample("c", law, infer=enumerated)
            if self.d:
                law = dist.Categorical(logits=t["logits_d"][c if self.chained else 0])
                d = pyro.sample("d", law, infer=enumerated)
            z = pyro.sample("z", dist.Normal(t["loc"][c, d], PRIOR))
            if self.reversed:
                law = dist.Categorical(logits=t["logits_c"] + z.unsqueeze(-1) * t["tilt"])
                c = pyro.sample("c", law, infer=enumerated)
            mean = t["slope"] * z + (t["loc"][c, d] if self.direct else 0.0)
            if self.features:
                with pyro.plate("features", 2, dim=-2):
                    pyro.sample("x", dist.Normal(mean, NOISE), obs=torch.stack([x, 1 - x]))
            else:
                with masked(mask=ROWS if self.masked == "x" else ALL):
                    pyro.sample("x", dist.Normal(mean, NOISE), obs=x)

    def guide(self, x: Tensor) -> None:
        """Its guide."""
        t = self.theta
        c = d = torch.tensor(0)
        with self.data():
            if "c" in self.guided:
                law = dist.Categorical(logits=x.unsqueeze(-1) * t["q_c"])
                given: Any = {"enumerate": self.c}
                c = pyro.sample("c", law, infer=given)
            if "d" in self.guided:
                law = dist.Categorical(logits=x.unsqueeze(-1) * t["q_d"][c if self.chained else 0])
                given = {"enumerate": self.d}
                d = pyro.sample("d", law, infer=given)
            loc = t["q_loc"][c, d] if self.given else 0.0
            pyro.sample("z", Drawn(t["q_slope"] * x + loc, torch.full_like(x, SCALE)))

    def tables(self, z: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The log-probability of each site in the model and in the guide."""
        t = self.theta
        x = X.reshape(-1, 1, 1, 1)
        loc = t["loc"].reshape(1, C, D, 1) if self.d else t["loc"][:, :1].reshape(1, C, 1, 1)
        if self.reversed:
            z_loc, tilt = t["loc"][0, 0], z * t["tilt"].reshape(1, C, 1, 1)
        else:
            z_loc, tilt = loc, (x if self.datumwise else 0 * x) * t["tilt"].reshape(1, C, 1, 1)
        mean = t["slope"] * z + (loc if self.direct else 0.0)
        likelihood = log_normal(x, mean, NOISE)
        if self.features:
            likelihood = likelihood + log_normal(1 - x, mean, NOISE)
        if self.masked == "x":
            likelihood = likelihood * ROWS.reshape(-1, 1, 1, 1)
        p = {
            "c": normalised(t["logits_c"].reshape(1, C, 1, 1) + tilt, 1),
            "z": log_normal(z, z_loc, PRIOR),
            "x": likelihood,
        }
        if self.unrelated:  # once, and not for every datum
            p["y"] = log_normal(SENSORS, t["slope"], 1.0).sum() / len(X)
        q = {"z": log_normal(z, self.loc(), SCALE)}
        if "c" in self.guided:
            q["c"] = normalised(x * t["q_c"].reshape(1, C, 1, 1), 1)
        if self.d:
            rows = t["logits_d"] if self.chained else t["logits_d"][:1]
            p["d"] = normalised(rows.reshape(1, -1, D, 1), 2)
        if "d" in self.guided:
            rows = t["q_d"] if self.chained and "c" in self.guided else t["q_d"][:1]
            q["d"] = normalised(x * rows.reshape(1, -1, D, 1), 2)
        return p, q

    def loc(self) -> Tensor:
        """The means of q(z | x, …), broadcastable to ``(B, C, D, 1)``."""
        loc = self.theta["q_loc"]
        loc = loc if "c" in self.guided else loc[:1]
        loc = loc if "d" in self.guided else loc[:, :1]
        slope = self.theta["q_slope"] * X.reshape(-1, 1, 1, 1)
        return slope + (loc.reshape(1, *loc.shape, 1) if self.given else 0.0)


def normalised(logits: Tensor, dim: int) -> Tensor:
    """Logits less the log of their summed exponentials."""
    return logits - logits.exp().sum(dim, keepdim=True).log()


def log_normal(value: Tensor, loc: Tensor, scale: float) -> Tensor:
    """log N(value; loc, scale²), written out."""
    return -0.5 * ((value - loc) / scale) ** 2 - math.log(scale) - 0.5 * math.log(2 * math.pi)


STORIES = [
    Story("plain"),
    Story("one-posterior-a-cluster", c="parallel", given=True),
    Story("one-posterior-a-cluster-in-turn", c="sequential", given=True),
    Story("features", features=True, direct=True),
    Story("features-and-a-posterior-a-cluster", c="parallel", given=True, features=True),
    Story("unrelated-plate", unrelated=True),
    Story("unrelated-plate-in-turn", c="sequential", given=True, unrelated=True),
    Story("datumwise", datumwise=True),
    Story("datumwise-in-the-guide", c="parallel", datumwise=True, given=True),
    Story("reversed", reversed=True),
    Story("reversed-in-the-guide", c="parallel", reversed=True, datumwise=False),
    Story("masked-rows", masked="rows", datumwise=True),
    Story("masked-rows-in-the-guide", c="parallel", given=True, masked="rows"),
    Story("masked-rows-in-turn", c="sequential", given=True, masked="rows"),
    Story("masked-x", masked="x", direct=True),
    Story("subsample", size=50),
    Story("subsample-in-turn", c="sequential", given=True, size=50),
    Story("two-in-the-guide", c="parallel", d="parallel", given=True),
    Story("two-in-the-model", d="model", direct=True),
    Story("two-in-turn", c="sequential", d="sequential", given=True),
    Story("chain-in-the-guide", c="parallel", d="parallel", chained=True, given=True),
    Story("chain-in-the-model", d="model", chained=True, direct=True),
    Story("chain-in-turn", c="sequential", d="sequential", chained=True, given=True),
    Story("chain-in-turn-and-at-once", c="sequential", d="parallel", chained=True, given=True),
    Story("chain-across", c="parallel", d="model", chained=True),
    Story("chain-across-in-turn", c="sequential", d="model", chained=True, direct=True),
    Story("everything", d="model", chained=True, direct=True, features=True, masked="rows", size=9),
]
