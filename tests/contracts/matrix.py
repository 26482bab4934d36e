"""The compatibility matrix: every prior with every guide, rule, bound, likelihood and term, tried.

python tests/contracts/matrix.py     # prints what stands in docs/compatibility.md
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from pyromix.guides import (
    AmortisedGuide,
    FlowHead,
    FullGaussianHead,
    GammaHead,
    GaussianHead,
    Head,
    SphericalHead,
)
from pyromix.inference import (
    Affiliation,
    Classification,
    FacetIndependence,
    InformationFloor,
    MixtureELBO,
    MutualInformation,
    ObjectiveModule,
    PairwiseConstraints,
    SparseWeights,
    VectorViews,
)
from pyromix.models import (
    GammaMixture,
    GaussianMixture,
    Mixed,
    MixturePrior,
    MixtureVAE,
    ReversedVonMisesFisherMixture,
    StudentMixture,
    StyleMixture,
    VonMisesFisherMixture,
)
from pyromix.parts import names

X, FEATURES, D, K = 3, 4, 2, 2


def zoo(kind: str) -> dict[str, Any]:
    """The zoo's own parts of a kind by alias; others may have registered theirs beside them."""
    return {
        alias: part for alias, part in names(kind).items() if part.__module__.startswith("pyromix.")
    }


ASSIGNMENTS, BOUNDS = zoo("assignment"), zoo("objective")
# A table's likelihood is made of its columns, and is put to tests of its own.
LIKELIHOODS = {alias: part for alias, part in zoo("likelihood").items() if part is not Mixed}
PRIORS: dict[str, Callable[[], MixturePrior]] = {
    "`GaussianMixture`": lambda: GaussianMixture(K, D),
    "`GaussianMixture`, full": lambda: GaussianMixture(K, D, covariance="full"),
    "`StyleMixture`": lambda: StyleMixture(K, D, 1, hidden_dim=4),
    "`StudentMixture`": lambda: StudentMixture(K, D),
    "`GammaMixture`": lambda: GammaMixture(K, D),
    "`VonMisesFisherMixture`": lambda: VonMisesFisherMixture(K, D),
    "`ReversedVonMisesFisherMixture`": lambda: ReversedVonMisesFisherMixture(K, D),
}
HEADS: dict[str, Callable[[], Head]] = {
    "Gaussian": lambda: GaussianHead(FEATURES, D),
    "full Gaussian": lambda: FullGaussianHead(FEATURES, D),
    "flow": lambda: FlowHead(FEATURES, D),
    "Gamma": lambda: GammaHead(FEATURES, D),
    "Wilson–Hilferty": lambda: GammaHead(FEATURES, D, family="wilson-hilferty"),
    "von Mises–Fisher": lambda: SphericalHead(FEATURES, D),
    "Power Spherical": lambda: SphericalHead(FEATURES, D, family="power-spherical"),
}
DATA = torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]], dtype=torch.float64)
EXACT, SAMPLED, REFUSED = "exact", "by Monte Carlo", "—"
Answer = tuple[str, str]


def terms() -> list[Any]:
    """One of every term of the responsibilities or the weights, and of every form of one."""
    return [
        *(Affiliation(form=form) for form in Affiliation.forms),
        Classification(),
        PairwiseConstraints(),
        MutualInformation(),
        MutualInformation(views=VectorViews()),
        InformationFloor(0.5),
        FacetIndependence(),
        *(SparseWeights(form=form, rows=10) for form in SparseWeights.forms),
    ]


def build(prior: str, head: str, assignment: str, bound: str, likelihood: str) -> ObjectiveModule:
    """The objective of one combination with all terms.

    Raises:
        ValueError: the combination makes no sense.
    """
    torch.manual_seed(0)
    law = PRIORS[prior]()
    heads = {"z": HEADS[head]()}
    if "w" in law.latent_sites:
        heads["w"] = GaussianHead(FEATURES, 1)
    guide = ASSIGNMENTS[assignment](AmortisedGuide(nn.Linear(X, FEATURES), **heads), law)
    noise = LIKELIHOODS[likelihood]
    model = MixtureVAE(law, noise(nn.Linear(D, noise.outputs * X), (X,)))
    elbo: MixtureELBO = BOUNDS[bound](terms())
    return ObjectiveModule(elbo, model.double(), guide.double())


def latent_part(objective: ObjectiveModule, seed: int) -> float:
    """What the latents add to the loss at one sample, after checking value and gradient."""
    torch.manual_seed(seed)
    loss, parts = objective(DATA)
    loss.backward()
    slopes = [p.grad for p in objective.parameters() if p.grad is not None]
    if not (loss.isfinite() and slopes and all(slope.isfinite().all() for slope in slopes)):
        raise AssertionError(f"the loss is {loss} or its gradient is not finite")
    return float(sum(part for name, part in parts.items() if name.startswith("kl_")))


def classify(prior: str, head: str, assignment: str, bound: str) -> Answer:
    """What becomes of one combination, the same under every likelihood; and why, if refused."""
    found = set()
    for seed, likelihood in enumerate(LIKELIHOODS):
        try:
            objective = build(prior, head, assignment, bound, likelihood)
        except ValueError as error:
            return REFUSED, str(error).partition("; ")[0]
        # The weights of the latents are the same each time, and the samples are not.
        found.add(round(latent_part(objective, seed), 10))
    return (EXACT if len(found) == 1 else SAMPLED), ""


def answers() -> dict[tuple[str, str], list[Answer]]:
    """By prior and posterior the answer for each assignment rule, under ``ClosedFormELBO``.

    Raises:
        AssertionError: ``EnumeratedELBO`` does not take the same combinations, all by Monte Carlo.
    """
    found = {}
    for pair in itertools.product(PRIORS, HEADS):
        found[pair] = [classify(*pair, rule, "closed-form") for rule in ASSIGNMENTS]
        for rule, (cell, why) in zip(ASSIGNMENTS, found[pair], strict=True):
            expected = (cell if cell == REFUSED else SAMPLED, why)
            assert classify(*pair, rule, "enumerated") == expected, (pair, rule)
    return found


def matrix() -> str:
    """The matrix in Markdown, with the reasons of what is refused."""
    rows: dict[tuple[str, tuple[Answer, ...]], list[str]] = {}
    for (prior, head), cells in answers().items():
        rows.setdefault((prior, tuple(cells)), []).append(head)
    reasons = list(dict.fromkeys(why for _, cells in rows for _, why in cells if why))
    lines = [
        f"| prior | posterior | {' | '.join(ASSIGNMENTS)} |",
        "|---" * (2 + len(ASSIGNMENTS)) + "|",
    ]
    for (prior, shared), heads in rows.items():
        shown = [f"{cell} ({reasons.index(why) + 1})" if why else cell for cell, why in shared]
        lines.append(f"| {prior} | {', '.join(heads)} | {' | '.join(shown)} |")
    return "\n".join([*lines, "", *(f"{n}. {why}" for n, why in enumerate(reasons, 1))])


if __name__ == "__main__":
    print(matrix())
