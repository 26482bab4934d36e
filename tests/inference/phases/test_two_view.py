"""Two-view information against brute force, as a term, and the choice among heads."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from pyro.infer import SVI
from pyro.optim import Adam  # type: ignore[attr-defined]
from torch import Tensor

from pyromix import DHVC, MFCVAE, VaDE
from pyromix.guides import Guide
from pyromix.inference import (
    AffineViews,
    BestHead,
    ClosedFormELBO,
    EnumeratedELBO,
    InformationPretraining,
    MixtureELBO,
    MutualInformation,
    ObjectiveModule,
    Rows,
    Training,
    TwoView,
    VectorViews,
    Views,
    responsibilities,
    seeded,
    two_view_information,
)
from pyromix.inference.phases.unlike import unlike_groups
from pyromix.models import MixtureVAE
from pyromix.networks import Networks, Perceptron


@dataclass(frozen=True, repr=False)
class Still(Views):
    """The view that changes nothing."""

    def __call__(self, batch: Tensor) -> Tensor:
        return batch


def small_dhvc(networks: Networks) -> tuple[MixtureVAE, Guide]:
    return DHVC(n_clusters=3, latent_dim=4, networks=networks).build((64,))


def small_vade(assignment: str) -> tuple[MixtureVAE, Guide]:
    vade = VaDE(n_clusters=3, latent_dim=2, networks=Perceptron(8), assignment=assignment)
    model, guide = vade.build((6,))
    return model.double(), guide.double()


def gammas(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64).mul(2).softmax(-1)


def test_information_is_its_double_sum() -> None:
    first, second, balance = gammas(3, 7, 4), gammas(3, 7, 4), 0.5
    found = two_view_information(first, second, balance)
    for head in range(3):
        joint = np.zeros((4, 4))
        for one, other in zip(first[head].numpy(), second[head].numpy(), strict=True):
            joint += (np.outer(one, other) + np.outer(other, one)) / 14
        marginal = joint.sum(0)
        total = sum(
            joint[i, j] * math.log(joint[i, j] / (marginal[i] * marginal[j]) ** (1 + balance))
            for i in range(4)
            for j in range(4)
        )
        assert float(found[head]) == pytest.approx(total, abs=1e-12)


def test_information_is_largest_for_sure_and_balanced_clusters_and_zero_for_none() -> None:
    sure = torch.eye(5, dtype=torch.float64).repeat(4, 1)
    largest = float(two_view_information(sure, sure, 0.5))
    assert largest == pytest.approx(2 * math.log(5))
    assert float(two_view_information(gammas(20, 5), gammas(20, 5), 0.5)) < largest
    flat = torch.full((20, 5), 0.2, dtype=torch.float64)
    assert float(two_view_information(flat, flat, 0.0)) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("elbo", [ClosedFormELBO, EnumeratedELBO])
def test_the_information_is_a_part_and_the_parts_sum_to_the_loss(elbo: type[MixtureELBO]) -> None:
    model, guide = small_dhvc(Perceptron(8, batch_norm=True))
    model, guide = model.double(), guide.double()
    batch = torch.rand(10, 64, dtype=torch.float64)
    objective = ObjectiveModule(elbo([MutualInformation(2.0, views=Still())]), model, guide)
    with seeded(0), torch.no_grad():
        loss, parts = objective(batch)
    assert float(torch.stack(list(parts.values())).sum()) == pytest.approx(float(loss), abs=1e-9)
    with torch.no_grad():
        gamma = guide.infer(batch)[1]["c"].softmax(-1)
    information = float(two_view_information(gamma, gamma, 0.5))
    assert float(parts["mutual_information"]) == pytest.approx(-2 * information, abs=1e-9)
    with seeded(0), torch.no_grad():
        plain, _ = ObjectiveModule(elbo(), model, guide)(batch)
    assert float(loss - plain) == pytest.approx(-2 * information, abs=1e-9)


@pytest.mark.parametrize("assignment", ["optimal", "amortised"])
def test_both_bounds_find_the_same_information_of_two_views(assignment: str) -> None:
    """With a law of c that does not look at z there is nothing random but the views."""
    model, guide = small_vade(assignment)
    batch = torch.rand(30, 6, dtype=torch.float64)
    gamma = responsibilities(model, guide, batch)["c"]
    expected = -float(two_view_information(gamma, gamma, 0.2))
    for elbo in (ClosedFormELBO, EnumeratedELBO):
        term = MutualInformation(1.0, 0.2, views=Still())
        found = elbo([term], num_particles=2).parts(model, guide, batch)["mutual_information"]
        assert float(found) == pytest.approx(expected, abs=1e-9)


def test_both_bounds_agree_in_expectation_on_the_marginal_rule() -> None:
    model, guide = small_vade("marginal")
    batch = torch.rand(12, 6, dtype=torch.float64)
    means, variances = [], []
    for elbo in (ClosedFormELBO, EnumeratedELBO):
        bound = elbo([MutualInformation(1.0, views=Still())])
        with seeded(0):
            draws = [bound.parts(model, guide, batch)["mutual_information"] for _ in range(80)]
        means.append(torch.stack(draws).mean())
        variances.append(torch.stack(draws).var() / len(draws))
    assert float((means[0] - means[1]).abs()) < 4 * float(sum(variances)) ** 0.5


@pytest.mark.parametrize("elbo", [ClosedFormELBO, EnumeratedELBO])
@pytest.mark.parametrize("assignment", ["marginal", "optimal", "amortised"])
def test_plain_svi_takes_it_and_views_may_leave_the_support(
    assignment: str, elbo: type[MixtureELBO]
) -> None:
    model, guide = small_vade(assignment)
    before = [parameter.detach().clone() for parameter in guide.parameters()]
    svi = SVI(model, guide, Adam({"lr": 1e-2}), elbo([MutualInformation(views=VectorViews())]))
    assert math.isfinite(svi.step(torch.rand(9, 6, dtype=torch.float64)))
    moved = [not torch.equal(*pair) for pair in zip(before, guide.parameters(), strict=True)]
    assert all(moved)


def test_the_closed_form_decodes_one_view_only() -> None:
    model, guide = small_vade("marginal")
    calls = []
    model.likelihood.decoder.register_forward_hook(lambda *_: calls.append(1))
    elbo = ClosedFormELBO([MutualInformation(views=Still())])
    elbo.parts(model, guide, torch.rand(9, 6).double())
    assert calls == [1]


def test_the_most_informative_head_becomes_the_guides_own() -> None:
    model, guide = small_dhvc(Perceptron(3))
    pretraining = InformationPretraining(model, guide, Still(), n_heads=4, overclusters=0)
    with torch.no_grad():
        guide.guide.encoder.layers[0].weight.zero_()
        guide.guide.encoder.layers[0].weight[:, :3] = torch.eye(3)
        guide.guide.encoder.layers[0].bias.zero_()
        pretraining.heads.heads.weight.mul_(0.1)
        pretraining.heads.heads.weight[6:9] = 20 * torch.eye(3)
    data = torch.zeros(30, 64)
    data[torch.arange(30), torch.arange(30) % 3] = 1.0
    best, found = pretraining.select(data)
    assert best == 2
    assert max(found) == found[2] == pytest.approx(2 * math.log(3), abs=1e-3)
    assert len(guide.infer(data)[1]["c"].argmax(-1).unique()) == 3
    assert torch.equal(guide.networks["c"].weight, pretraining.heads.heads.weight[6:9])


def test_pretraining_teaches_encoder_heads_and_decoder() -> None:
    model, guide = small_dhvc(Perceptron(8, batch_norm=True))
    pretraining = InformationPretraining(model, guide, AffineViews(), n_heads=2, overclusters=6)
    loss, parts = pretraining(torch.rand(20, 64))
    torch.testing.assert_close(torch.stack(list(parts.values())).sum(), loss.detach())
    loss.backward()
    taught = {name for name, p in pretraining.named_parameters() if p.grad is not None}
    untaught = {name for name, _ in pretraining.named_parameters()} - taught
    assert untaught == {
        "model.prior.direction",
        "model.prior.log_concentration",
        "model.prior.logits",
        "guide.networks.c.weight",
        "guide.networks.c.bias",
    }


def test_it_is_for_one_clustering() -> None:
    model, guide = MFCVAE(n_clusters=(3, 2), latent_dim=(2, 1)).build((6,))
    with pytest.raises(ValueError, match=r"the story has 2 clusterings: .* use Autoencoder\(\)"):
        InformationPretraining(model, guide, Still())


@pytest.mark.parametrize(("overclusters", "units"), [(None, 15), (0, None), (7, 7)])
def test_the_phase_makes_heads_and_five_times_as_many_clusters(
    overclusters: int | None, units: int | None
) -> None:
    model, guide = small_dhvc(Perceptron(8))
    batch = Rows(torch.rand(5, 64))
    phase = TwoView(n_heads=4, overclusters=overclusters, balance=0.3)
    module, data = phase.module(model, guide, batch, False)
    assert isinstance(module, InformationPretraining)
    assert data is batch
    assert module.heads.heads.out_features == 4 * 3
    assert (module.heads.overclustering and module.heads.overclustering.out_features) == units
    assert module.heads.balance == 0.3


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        (TwoView(views="imag"), "views is 'imag': did you mean 'image'"),
        (TwoView(views=AffineViews()), "6 features, which is no square image"),
    ],
)
def test_settings_out_of_range(phase: TwoView, words: str) -> None:
    model, guide = small_vade("marginal")
    with pytest.raises(ValueError, match=words):
        phase.check(model, guide, torch.rand(5, 6).double())


@pytest.mark.parametrize("assignment", ["amortised", "marginal"])
def test_the_best_head_puts_the_prior_where_its_clusters_are(assignment: str) -> None:
    """On a guide whose q(c | x) is a network, and on one that has none."""
    model, guide = small_vade(assignment)
    x = torch.rand(40, 6, dtype=torch.float64)
    pretrained = InformationPretraining(model, guide, Still(), n_heads=3).double()
    with torch.no_grad():
        gammas = pretrained.heads.assignments(guide.amortised.features(x))
        code = guide.posterior(x)["z"].mean
    row = BestHead().begin(model, guide, x, pretrained=pretrained)
    best = int(row["head"])
    informations = two_view_information(gammas, gammas, 0.5).tolist()
    assert [row[f"information_{head}"] for head in range(3)] == pytest.approx(informations)
    assert informations[best] == max(informations)
    gamma = gammas[best]
    means = gamma.T @ code / gamma.sum(0).unsqueeze(-1)
    torch.testing.assert_close(model.prior.loc.detach(), means)
    assert guide.posterior(x)["z"].stddev.max() < 0.2 * code.std(0).mean()
    if assignment == "amortised":
        torch.testing.assert_close(guide.infer(x)[1]["c"].softmax(-1).detach(), gamma)


def test_the_best_head_needs_heads() -> None:
    model, guide = small_vade("marginal")
    words = r"BestHead needs pretraining=TwoView\(\)"
    with pytest.raises(ValueError, match=words):
        BestHead().begin(model, guide, torch.rand(5, 6).double())
    with pytest.raises(ValueError, match=words):
        BestHead().check_pretraining(None)
    BestHead().check_pretraining(TwoView())


def lopsided(n: int = 300) -> tuple[Tensor, Tensor]:
    """Nine in ten of one group, and the others far away."""
    truth = (torch.arange(n) >= 0.9 * n).long()
    return torch.randn(n, 4) + 4.0 * truth.unsqueeze(-1), truth


def test_shares_that_a_start_found_are_pressed_for() -> None:
    """Those alone that are unlike; the term is changed in a copy, and tells what it expects."""
    term = MutualInformation(shares="found")
    told = term.heed({"c": torch.tensor([270.0, 30.0])})
    assert told.expected == pytest.approx((0.9, 0.1))
    gamma, weights = gammas(50, 2), torch.full((2,), 0.5, dtype=torch.float64)
    given = MutualInformation(shares=(0.9, 0.1))
    torch.testing.assert_close(told(gamma, weights), given(gamma, weights))
    alike = term.heed({"c": torch.tensor([150.0, 150.0])})
    for each in (term, alike, term.heed({}), term.heed({"c_0": told(gamma, weights)[None]})):
        assert each.expected is None
        torch.testing.assert_close(
            each(gamma, weights), MutualInformation()(gamma, weights), rtol=0, atol=0
        )
    with pytest.raises(ValueError, match="shares is 'learnt'"):
        MutualInformation(shares="learnt")  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore::pyromix.inference.CollapseWarning")
def test_groups_of_unlike_sizes_are_found_where_equal_shares_would_cut_them() -> None:
    x, truth = lopsided()
    found = {}
    for shares in ("found", None):
        dhvc = DHVC(
            n_clusters=2,
            latent_dim=3,
            networks=Perceptron(16, batch_norm=True),
            pretraining=TwoView(2, epochs=40, learning_rate=0.01, shares=shares),
            terms=[MutualInformation(5.0, views="auto", shares=shares)],
            training=Training(max_epochs=2, batch_size=100),
            random_state=0,
            standardise=True,
        )
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            labels = torch.from_numpy(dhvc.fit(x.numpy()).labels_)
        agree = float((labels == truth).float().mean())
        found[shares] = max(agree, 1 - agree)
        assert ("found_groups" in dhvc.history_[0]) == (shares == "found")
        assert not [each for each in told if "equal shares" in str(each.message)] or shares is None
    assert found["found"] > 0.97
    assert found[None] < 0.8


def test_groups_of_unlike_sizes_must_stand_apart() -> None:
    x, truth = lopsided()
    groups = unlike_groups(x, 2)
    assert groups is not None
    assert sorted(groups.sum(0)) == [30, 270]
    assert len(set(zip(groups.argmax(1).tolist(), truth.tolist(), strict=True))) == 2
    assert unlike_groups(torch.randn(300, 4), 2) is None
    assert unlike_groups(torch.cat([x[:30], x[-30:]]), 2) is None
    assert unlike_groups(x[:19], 2) is None
