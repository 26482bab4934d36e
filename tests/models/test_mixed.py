"""A law for each column of a table: densities by SciPy, sums and integrals, gaps, draws by PIT."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor, nn

from pyromix.models import Coded, ColumnLaw, Mixed
from pyromix.networks import Encoding, Form
from pyromix.testing.stories import narrow_gaussian, require_bound

LAWS = (
    ColumnLaw("normal", 50.0, 4.0),
    ColumnLaw("categorical", n_categories=3),
    ColumnLaw("poisson", 1.0, 0.5),
    ColumnLaw("bernoulli"),
    ColumnLaw("negative-binomial", 1.5, 0.7),
    ColumnLaw("log-normal", 1.0, 0.5),
    ColumnLaw("categorical", n_categories=2),
    ColumnLaw("heteroscedastic-normal", -3.0, 0.1),
)
DISCRETE = (1, 2, 3, 4, 6)
OUTPUTS = [0.2, 0.5, -0.4, 1.0, 0.3, -0.6, 0.4, -0.3, 0.1, -0.2, 0.8, -0.5]


class Same(nn.Module):
    """A decoder that gives the same numbers whatever z."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(OUTPUTS))

    def forward(self, z: Tensor) -> Tensor:
        return self.value.expand(*z.shape[:-1], len(self.value))


def made() -> Coded:
    width = sum(law.form.width for law in LAWS)
    inner = Mixed(Same(), (width,), columns=LAWS).double()
    return Coded(inner, inner.encoding)


def by_scipy(likelihood: Coded) -> list[Any]:
    """The same laws by SciPy, in the table's own units."""
    learnt: dict[str, Any] = {type(each).__name__: each for each in likelihood.inner.families}

    def scale(name: str) -> float:
        number = learnt[name].free.detach()
        low, high = -5.0, 5.0
        inner = high - low - torch.nn.functional.softplus(high - number)
        return float((low + torch.nn.functional.softplus(inner)).exp())

    r = float(torch.nn.functional.softplus(learnt["NegativeBinomialFamily"].free.detach()) + 1e-4)
    mean = float(np.exp(1.5 + 0.7 * 0.4))

    def shares(logits: list[float]) -> NDArray[np.float64]:
        p = np.exp(logits)
        shares: NDArray[np.float64] = p / p.sum()
        return shares

    return [
        stats.norm(50 + 4 * 0.2, 4 * scale("NormalFamily")),
        stats.rv_discrete(values=(range(3), shares(OUTPUTS[1:4]))),
        stats.poisson(np.exp(1 + 0.5 * 0.3)),
        stats.bernoulli(1 / (1 + np.exp(0.6))),
        stats.nbinom(r, r / (r + mean)),
        stats.lognorm(0.5 * scale("LogNormalFamily"), scale=np.exp(1 + 0.5 * -0.3)),
        stats.rv_discrete(values=(range(2), shares(OUTPUTS[8:10]))),
        stats.norm(-3 + 0.1 * 0.8, 0.1 * (np.exp(-5) + np.exp(5) / (1 + np.exp(5.5)))),
    ]


def test_each_column_s_density_is_scipy_s_in_the_table_s_units() -> None:
    likelihood = made()
    law = likelihood.distribution(torch.zeros(200, 2, dtype=torch.float64))
    x = law.sample()
    ours = law.log_prob_by_column(x).detach().numpy()
    for j, other in enumerate(by_scipy(likelihood)):
        score = other.logpmf if j in DISCRETE else other.logpdf
        np.testing.assert_allclose(ours[:, j], score(x[:, j].numpy()), rtol=0, atol=3e-4)
    np.testing.assert_allclose(law.log_prob(x).detach(), ours.sum(-1))


def test_each_column_sums_or_integrates_to_one() -> None:
    likelihood = made()
    counts = torch.arange(400.0, dtype=torch.float64)
    grids = {
        0: torch.linspace(30, 71, 20001, dtype=torch.float64),
        5: torch.linspace(1e-6, 40, 40001, dtype=torch.float64),
        7: torch.linspace(-4, -2, 20001, dtype=torch.float64),
        1: counts[:3],
        2: counts,
        3: counts[:2],
        4: counts,
        6: counts[:2],
    }
    for j, grid in grids.items():
        rows = torch.full((len(grid), len(LAWS)), torch.nan, dtype=torch.float64)
        rows[:, j] = grid
        p = likelihood.distribution(torch.zeros(len(grid), 2)).log_prob(rows).exp().detach()
        total = p.sum() if j in DISCRETE else torch.trapezoid(p, grid)
        assert float(total) == pytest.approx(1, abs=1e-4), LAWS[j]


def test_a_gap_leaves_its_column_out_and_no_gradient_is_nan() -> None:
    likelihood = made()
    law = likelihood.distribution(torch.zeros(8, 2))
    x = law.sample()
    each = law.log_prob_by_column(x)
    gaps = x.clone()
    gaps[torch.arange(8), torch.arange(8)] = torch.nan
    left = law.log_prob(gaps)
    torch.testing.assert_close(left, law.log_prob(x) - each.diagonal())
    left.sum().backward()
    assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in likelihood.parameters())
    assert bool((law.log_prob(torch.full_like(x, torch.nan)) == 0).all())


def test_draws_follow_their_law_by_randomised_pit() -> None:
    torch.manual_seed(0)
    likelihood = made()
    x = likelihood.distribution(torch.zeros(4000, 2)).sample().numpy()
    u = np.random.RandomState(0).rand(len(x))
    for j, law in enumerate(by_scipy(likelihood)):
        below = law.cdf(x[:, j] - 1) if j in DISCRETE else law.cdf(x[:, j])
        pit = below + u * (law.cdf(x[:, j]) - below)
        assert stats.kstest(pit, "uniform").pvalue > 1e-3, LAWS[j]


def test_means_are_those_of_draws_and_of_a_category_the_likeliest() -> None:
    torch.manual_seed(0)
    likelihood = made()
    mean = likelihood.mean(torch.zeros(1, 2)).detach()[0]
    drawn = likelihood.distribution(torch.zeros(40_000, 2)).sample()
    numbers = [0, 2, 3, 4, 5, 7]
    error = drawn.std(0)[numbers] / 200
    assert bool(((drawn.mean(0) - mean)[numbers].abs() < 4 * error).all())
    assert mean[1] == 2
    assert mean[6] == 0


@pytest.mark.parametrize(
    "columns",
    [
        (ColumnLaw("normal", 3.0, 2.0), ColumnLaw("bernoulli")),
        pytest.param((ColumnLaw("categorical", n_categories=2),), marks=pytest.mark.long),
        pytest.param(
            (ColumnLaw("negative-binomial", 0.5, 0.5), ColumnLaw("log-normal")),
            marks=pytest.mark.long,
        ),
    ],
)
def test_the_bound_is_that_by_brute_force(columns: tuple[ColumnLaw, ...]) -> None:
    torch.manual_seed(0)
    likelihood = partial(Mixed, columns=columns)
    require_bound(columns, "gaussian-mixture", narrow_gaussian, likelihood, 1)


def test_an_encoding_gives_rows_back() -> None:
    forms = [law.form for law in LAWS]
    encoding = Encoding(forms).double()
    x = made().distribution(torch.zeros(50, 2)).sample()
    x[3, 1] = x[4, 0] = x[5, 4] = torch.nan
    torch.testing.assert_close(encoding.inverse(encoding(x)), x, equal_nan=True)
    large = torch.tensor([[0.0], [1.0], [99_999.0]])
    count = Encoding([Form("count", 5.0, 2.0)])
    assert torch.equal(count.inverse(count(large)), large)


def test_columns_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"columns is empty"):
        Mixed(nn.Linear(2, 1), (1,))
    with pytest.raises(ValueError, match=r"the columns encoded are \(3,\)"):
        Mixed(nn.Linear(2, 3), (1,), columns=(ColumnLaw("categorical", n_categories=3),))
    with pytest.raises(ValueError, match=r"family is 'normals'"):
        ColumnLaw("normals")  # type: ignore[arg-type]
