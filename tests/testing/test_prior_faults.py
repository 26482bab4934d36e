"""A wrong prior is told which law it breaks, and by how much."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pyro
import pytest
import torch
from pyro import distributions as dist
from pyro.distributions import TorchDistribution
from torch import Tensor, nn
from torch.distributions import constraints

from pyromix.models import GaussianMixture, MixturePrior
from pyromix.testing import check_prior


class Laplaces(MixturePrior):
    """A prior of one's own that is right."""

    def __init__(self, n_clusters: int, latent_dim: int) -> None:
        super().__init__(n_clusters)
        self.latent_dim = latent_dim
        self.loc = nn.Parameter(torch.randn(n_clusters, latent_dim))

    def component(
        self, cluster: Tensor | None = None, w: Tensor | None = None
    ) -> TorchDistribution:
        loc = self.loc if cluster is None else self.loc[cluster]
        law: TorchDistribution = dist.Laplace(loc, 1.0).to_event(1)
        return law


class Exponentials(MixturePrior):
    """Another, on the positive numbers, whose support nobody declares, with a start."""

    def __init__(self, n_clusters: int, latent_dim: int) -> None:
        super().__init__(n_clusters)
        self.latent_dim = latent_dim
        self.log_mean = nn.Parameter(0.5 * torch.randn(n_clusters, latent_dim))

    def component(
        self, cluster: Tensor | None = None, w: Tensor | None = None
    ) -> TorchDistribution:
        log_mean = self.log_mean if cluster is None else self.log_mean[cluster]
        law: TorchDistribution = dist.Exponential((-log_mean).exp()).to_event(1)
        return law

    def match_moments(self, codes: Tensor, shares: Tensor) -> None:
        self.log_mean.copy_((shares.T @ codes).log())


@pytest.mark.parametrize("prior", [Laplaces, Exponentials, "gaussian-mixture"])
def test_priors_that_are_right(prior: Any) -> None:
    check_prior(prior)


class FreeWeights(GaussianMixture):
    """π is no softmax, so that it need not sum to one (a fault of VaDE's own code)."""

    def log_weights(self) -> Tensor:
        return self.logits

    @property
    def weights(self) -> Tensor:
        return self.logits.exp()


class FreeScores(GaussianMixture):
    """The same, in the joint alone."""

    def log_joint(self, z: Tensor, w: Tensor | None = None) -> Tensor:
        return self.logits + self.component().log_prob(z.unsqueeze(-2))


class LogVarianceNotHalved(dist.Normal):
    """A Gaussian with log σ² in the place of log σ (another fault of VaDE's code)."""

    def log_prob(self, value: Tensor) -> Tensor:
        right: Tensor = dist.Normal.log_prob(self, value)
        return right - self.scale.log()


class NotHalved(GaussianMixture):
    def component(
        self, cluster: Tensor | None = None, w: Tensor | None = None
    ) -> TorchDistribution:
        rows = slice(None) if cluster is None else cluster
        law = LogVarianceNotHalved(self.loc[rows], self.log_scale[rows].exp())
        return dist.Independent(law, 1)


class OtherDraws(dist.Normal):
    def rsample(self, shape: Sequence[int] = ()) -> Tensor:
        return self.loc + 1.2 * (super().rsample(torch.Size(shape)) - self.loc)

    def sample(self, shape: Sequence[int] = ()) -> Tensor:
        return self.rsample(shape).detach()


class DrawsTooWide(GaussianMixture):
    def component(
        self, cluster: Tensor | None = None, w: Tensor | None = None
    ) -> TorchDistribution:
        rows = slice(None) if cluster is None else cluster
        return dist.Independent(OtherDraws(self.loc[rows], self.log_scale[rows].exp()), 1)


class OtherProgram(GaussianMixture):
    """The program draws clusters evenly, whatever the weights."""

    def sample_cluster(self) -> Tensor:
        law = dist.Categorical(logits=0 * self.logits)
        cluster: Tensor = pyro.sample(self.site("c"), law, infer={"enumerate": "parallel"})
        return cluster


class EvenDraws(GaussianMixture):
    """Joint draws forget the weights."""

    def draw_joint(self, n: int) -> tuple[Tensor, dict[str, Tensor]]:
        cluster = torch.randint(self.n_clusters, (n,))
        return cluster, self.draw(cluster)


class Underflowing(GaussianMixture):
    def responsibilities(self, z: Tensor, w: Tensor | None = None) -> Tensor:
        joint = self.log_joint(z).exp() + 1e-10
        return joint / joint.sum(-1, keepdim=True)


class HalfEntropy(GaussianMixture):
    """E_q log p forgets the posterior's variance."""

    def expected_log_joint(self, posterior: TorchDistribution, w: Tensor | None = None) -> Tensor:
        return self.log_joint(posterior.mean)


class VarianceForScale(GaussianMixture):
    def match_moments(self, codes: Tensor, shares: Tensor) -> None:
        super().match_moments(codes, shares)
        self.log_scale.mul_(2)


class LogitsForWeights(GaussianMixture):
    """Shares stored as logits: .7, .2, .1 become .46, .28, .25."""

    def initialise(self, codes: Tensor, responsibilities: Tensor) -> None:
        super().initialise(codes, responsibilities)
        self.logits.data = responsibilities.mean(0)


class Ordered(GaussianMixture):
    """Which number a cluster has means something."""

    def component(
        self, cluster: Tensor | None = None, w: Tensor | None = None
    ) -> TorchDistribution:
        rows = torch.arange(self.n_clusters) if cluster is None else cluster
        loc = self.loc[rows] + rows.unsqueeze(-1)
        law: TorchDistribution = dist.Normal(loc, 1.0).to_event(1)
        return law


class Forgetful(GaussianMixture):
    """What it draws at its start is no buffer."""

    def __init__(self, n_clusters: int, latent_dim: int) -> None:
        super().__init__(n_clusters, latent_dim)
        self.offset = torch.randn(latent_dim, dtype=torch.float64)

    def component(
        self, cluster: Tensor | None = None, w: Tensor | None = None
    ) -> TorchDistribution:
        rows = slice(None) if cluster is None else cluster
        law: TorchDistribution = dist.Normal(self.loc[rows] + self.offset, 1.0).to_event(1)
        return law

    def match_moments(self, codes: Tensor, shares: Tensor) -> None:
        raise NotImplementedError


class RowsMixedUp(GaussianMixture):
    def component(
        self, cluster: Tensor | None = None, w: Tensor | None = None
    ) -> TorchDistribution:
        rows = slice(None) if cluster is None else (cluster + 1) % self.n_clusters
        law: TorchDistribution = dist.Normal(self.loc[rows], 1.0).to_event(1)
        return law


class NotEnumerated(GaussianMixture):
    def sample_cluster(self) -> Tensor:
        cluster: Tensor = pyro.sample(self.site("c"), dist.Categorical(logits=self.logits))
        return cluster


class Nameless(GaussianMixture):
    def forward(self) -> Tensor:
        z: Tensor = pyro.sample("code", self.component(self.sample_cluster()))
        return z


@pytest.mark.parametrize(
    ("prior", "sentence"),
    [
        (FreeWeights, r"weights p\(c\) sum to one\. It gives .* where 1 is right, off by"),
        (FreeScores, r"p\(z\) integrates to one\. Its integral is .*, off by \d"),
        (NotHalved, r"p\(z\) integrates to one\. Its integral is .*, off by"),
        (DrawsTooWide, r"draws of p\(z \| c\) follow its density.* standard errors"),
        (OtherProgram, r"program scores as log_joint says.* off by"),
        (EvenDraws, r"draws of draw_joint follow its density|drawn clusters follow the resp"),
        (Underflowing, r"responsibilities are Bayes' rule.* off by"),
        (HalfEntropy, r"expected_log_joint\(q\) is .* off by"),
        (VarianceForScale, r"component 0 has the spread, .* of its codes"),
        (LogitsForWeights, r"p\(c\) is their share"),
        (Ordered, r"clusters in another order give the same answers"),
        (Forgetful, r"saved and loaded it is the same to the last bit"),
        (RowsMixedUp, r"component\(c\) is row c of component\(\)|scores as log_joint says"),
        (NotEnumerated, r"'c' is emitted to be enumerated"),
        (Nameless, r"emits the sites of its latents.* It emits c, code where c, z are right"),
    ],
)
def test_priors_that_are_wrong(prior: Any, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence) as caught:
        check_prior(prior)
    assert prior.__name__ in str(caught.value)


def test_the_size_of_the_fault_is_told() -> None:
    """Weights that sum to e^½ on average: the number is the integral by hand."""
    torch.manual_seed(0)

    class Twice(GaussianMixture):
        def log_joint(self, z: Tensor, w: Tensor | None = None) -> Tensor:
            return super().log_joint(z) + math.log(2)

    with pytest.raises(AssertionError, match=r"Its integral is (2|1\.99\d*|2\.00\d*), off by 1"):
        check_prior(Twice)


def test_no_trace_is_left() -> None:
    """Neither in the generators nor in Pyro's parameter store."""
    before = torch.get_rng_state()
    check_prior(Laplaces)
    assert torch.equal(before, torch.get_rng_state())
    assert not list(pyro.get_param_store())


def test_a_space_without_quadrature_is_told() -> None:
    class Cubes(MixturePrior):
        support = constraints.lower_cholesky

        def __init__(self, n_clusters: int, latent_dim: int) -> None:
            super().__init__(n_clusters)
            self.latent_dim = latent_dim

        def component(
            self, cluster: Tensor | None = None, w: Tensor | None = None
        ) -> TorchDistribution:
            size = (self.n_clusters,) if cluster is None else cluster.shape
            high = torch.full((*size, self.latent_dim), 2.0, dtype=torch.float64)
            law: TorchDistribution = dist.Uniform(-high, high).to_event(1)
            return law

    with pytest.raises(NotImplementedError, match="there is no quadrature on 'Interval"):
        check_prior(Cubes)


def test_another_thing_than_a_prior() -> None:
    with pytest.raises(TypeError, match="factory is Linear: give a subclass of MixturePrior"):
        check_prior(nn.Linear)
